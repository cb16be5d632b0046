# One resource a pool, so that a change of one leaves the others alone.

resource "google_container_node_pool" "pool" {
  for_each = var.node_pools

  name               = each.key
  project            = var.project
  location           = google_container_cluster.cluster.location
  cluster            = google_container_cluster.cluster.name
  initial_node_count = 1
  max_pods_per_node  = var.max_pods_per_node

  autoscaling {
    total_min_node_count = each.value.min_nodes
    total_max_node_count = each.value.max_nodes
    location_policy      = "BALANCED"
  }

  management {
    auto_repair = true
    # As for the control plane: versions change by a new cluster.
    auto_upgrade = false
  }

  node_config {
    machine_type    = each.value.machine_type
    disk_size_gb    = each.value.disk_size_gb
    disk_type       = "pd-ssd"
    image_type      = "UBUNTU_CONTAINERD"
    service_account = google_service_account.nodes.email
    # What the nodes may do is for IAM to say, not for scopes.
    oauth_scopes    = ["https://www.googleapis.com/auth/cloud-platform"]
    labels          = each.value.labels
    resource_labels = local.labels
    tags            = concat(["ws-${var.short_name}"], each.value.tags)

    metadata = {
      disable-legacy-endpoints = "true"
    }

    dynamic "taint" {
      for_each = each.value.taints

      content {
        key    = taint.value.key
        value  = taint.value.value
        effect = taint.value.effect
      }
    }

    # Pods get identities of their own and can't borrow the node's.
    workload_metadata_config {
      mode = "GKE_METADATA"
    }

    shielded_instance_config {
      enable_secure_boot          = true
      enable_integrity_monitoring = true
    }
  }

  timeouts {
    create = "30m"
    delete = "30m"
  }

  lifecycle {
    # The autoscaler has its own mind about it after the first minute.
    ignore_changes = [initial_node_count]
  }
}
