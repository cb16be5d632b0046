# Who the nodes are. Not the default compute account, which may do nearly everything in the project.

locals {
  # Unique by cluster, and within the 30 characters that Google allows.
  account = "ws-${var.short_name}-${substr(sha256(var.name), 0, 6)}"

  # What GKE itself needs of a node: writing logs and metrics, pulling images. No node needs storage.admin or
  # container.admin on the whole project; what workspaces store is granted on their bucket alone.
  roles = setunion(["roles/container.defaultNodeServiceAccount", "roles/artifactregistry.reader"], var.node_roles)
}

resource "google_service_account" "nodes" {
  account_id   = local.account
  project      = var.project
  display_name = "Nodes of ${var.name}"
  description  = "Run ${var.run_id} of fleet ${var.fleet}."
}

resource "google_project_iam_member" "nodes" {
  for_each = local.roles

  project = var.project
  role    = each.value
  member  = google_service_account.nodes.member
}

resource "google_storage_bucket_iam_member" "nodes" {
  count = var.bucket == null ? 0 : 1

  bucket = var.bucket
  role   = "roles/storage.objectAdmin"
  member = google_service_account.nodes.member
}
