# The contract of every cluster type's module: endpoint, ca_certificate.

output "endpoint" {
  description = "URL of the cluster's API server."
  value       = "https://${google_container_cluster.cluster.endpoint}"
}

output "ca_certificate" {
  description = "Certificate authority of the API server, PEM."
  value       = base64decode(google_container_cluster.cluster.master_auth[0].cluster_ca_certificate)
  sensitive   = true
}

# Google's own.

output "location" {
  description = "Zone or region of the cluster."
  value       = google_container_cluster.cluster.location
}

output "version" {
  description = "Version of the control plane."
  value       = google_container_cluster.cluster.master_version
}

output "node_service_account" {
  description = "E-mail address of the nodes' service account."
  value       = google_service_account.nodes.email
}

output "name_servers" {
  description = "Name servers of the cluster's DNS zone, to delegate to; empty without a domain."
  value       = try(google_dns_managed_zone.zone[0].name_servers, [])
}

output "dns_service_account" {
  description = "E-mail address of the account that may write the DNS zone; null without a domain."
  value       = try(google_service_account.dns[0].email, null)
}

# No Pod may start before its pool is there.
output "node_pools" {
  description = "Names of the node pools."
  value       = [for pool in google_container_node_pool.pool : pool.name]
}
