module ws-deployment/test-crds

go 1.24.0

require sigs.k8s.io/cluster-api v1.14.2
