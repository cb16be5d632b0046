# The contract of every cluster type's module: endpoint, ca_certificate. Null when the cluster is gone.

output "endpoint" {
  description = "URL of the cluster's API server."
  value       = try(local.record.endpoint, null)
}

output "ca_certificate" {
  description = "Certificate authority of the API server, PEM."
  value       = local.exists ? file("${local.folder}/pki/ca.crt") : null
  sensitive   = true
}

# The lab's own.

output "kubeconfig_path" {
  description = "Path of an administrator's kubeconfig, mode 0600."
  value       = try(local.record.kubeconfig, null)
}

output "url" {
  description = "URL of the cluster's ws-manager, as it is registered."
  value       = try(local.record.url, null)
}

output "kubeconfig" {
  description = "An administrator's kubeconfig, for machines that don't see the lab's folder."
  value       = local.exists ? try(file(local.record.kubeconfig), null) : null
  sensitive   = true
}
