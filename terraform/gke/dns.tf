# The cluster's own DNS zone, and an account that may write it and nothing else: certificates are issued by DNS.

resource "google_dns_managed_zone" "zone" {
  count = var.domain == null ? 0 : 1

  name        = replace(var.domain, ".", "-")
  project     = var.project
  dns_name    = "${var.domain}."
  description = "Workspace cluster ${var.name}, run ${var.run_id}."
  labels      = local.labels
  # Records that the cluster made are of no use without it.
  force_destroy = true
}

resource "google_service_account" "dns" {
  count = var.domain == null ? 0 : 1

  account_id   = "${local.account}-dns"
  project      = var.project
  display_name = "DNS of ${var.name}"
  description  = "Run ${var.run_id} of fleet ${var.fleet}."
}

resource "google_dns_managed_zone_iam_member" "dns" {
  count = var.domain == null ? 0 : 1

  project      = var.project
  managed_zone = google_dns_managed_zone.zone[0].name
  role         = "roles/dns.admin"
  member       = google_service_account.dns[0].member
}

resource "google_service_account_iam_member" "dns" {
  count = var.domain == null ? 0 : 1

  service_account_id = google_service_account.dns[0].name
  role               = "roles/iam.workloadIdentityUser"
  member             = "serviceAccount:${google_container_cluster.cluster.workload_identity_config[0].workload_pool}[${var.dns_service_account}]"
}
