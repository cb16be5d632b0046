# The control plane. Nodes are in node_pools.tf.

locals {
  labels = merge(var.labels, {
    ws-deployment-run   = var.run_id
    ws-deployment-fleet = var.fleet
  })
}

resource "google_container_cluster" "cluster" {
  name            = var.name
  project         = var.project
  location        = coalesce(var.zone, var.region)
  description     = "Workspace cluster of fleet ${var.fleet}, made by run ${var.run_id}."
  resource_labels = local.labels

  network         = local.network
  subnetwork      = google_compute_subnetwork.nodes.name
  networking_mode = "VPC_NATIVE"

  # A cluster is replaced, never patched: no channel may upgrade it behind the back of a run.
  min_master_version = var.kubernetes_version

  release_channel {
    channel = "UNSPECIFIED"
  }

  deletion_protection = var.deletion_protection

  # GKE insists on a first pool; it goes as soon as the cluster stands, and nodes come from pools of their own.
  remove_default_node_pool = true
  initial_node_count       = 1

  node_config {
    service_account = google_service_account.nodes.email
  }

  ip_allocation_policy {
    cluster_secondary_range_name  = google_compute_subnetwork.nodes.secondary_ip_range[0].range_name
    services_secondary_range_name = google_compute_subnetwork.nodes.secondary_ip_range[1].range_name
  }

  private_cluster_config {
    enable_private_nodes    = true
    enable_private_endpoint = false
  }

  dynamic "master_authorized_networks_config" {
    for_each = var.control_plane_access == null ? [] : [var.control_plane_access]

    content {
      dynamic "cidr_blocks" {
        for_each = master_authorized_networks_config.value

        content {
          display_name = cidr_blocks.key
          cidr_block   = cidr_blocks.value
        }
      }
    }
  }

  # Workspaces must not reach each other: their policies are enforced by Calico, which Dataplane V2 would exclude.
  datapath_provider = "LEGACY_DATAPATH"

  network_policy {
    enabled  = true
    provider = "CALICO"
  }

  addons_config {
    http_load_balancing {
      disabled = false
    }
    horizontal_pod_autoscaling {
      disabled = false
    }
    network_policy_config {
      disabled = false
    }
    dns_cache_config {
      enabled = true
    }
  }

  workload_identity_config {
    workload_pool = "${var.project}.svc.id.goog"
  }

  enable_shielded_nodes = true

  dynamic "maintenance_policy" {
    for_each = var.maintenance_window == null ? [] : [var.maintenance_window]

    content {
      recurring_window {
        start_time = maintenance_policy.value.start_time
        end_time   = maintenance_policy.value.end_time
        recurrence = maintenance_policy.value.recurrence
      }
    }
  }

  timeouts {
    create = "45m"
    delete = "45m"
  }

  lifecycle {
    # Of the first pool, which is gone: without this every later plan would make the cluster anew.
    ignore_changes = [node_config, initial_node_count]
  }

  # Nodes that may not pull images or write logs never become ready.
  depends_on = [google_project_iam_member.nodes, google_compute_router_nat.egress]
}
