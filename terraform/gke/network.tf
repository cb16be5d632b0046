# A network without automatic subnets, so that nothing but the cluster's own ranges is routed in it.

resource "google_compute_network" "vpc" {
  count = var.network == null ? 1 : 0

  name                    = "vpc-${var.name}"
  project                 = var.project
  auto_create_subnetworks = false
  description             = "Workspace cluster ${var.name}, run ${var.run_id}."
}

locals {
  network = var.network == null ? google_compute_network.vpc[0].name : var.network
}

resource "google_compute_subnetwork" "nodes" {
  name                     = "subnet-${var.name}"
  project                  = var.project
  region                   = var.region
  network                  = local.network
  ip_cidr_range            = var.ranges.nodes
  private_ip_google_access = true
  description              = "Workspace cluster ${var.name}, run ${var.run_id}."

  secondary_ip_range {
    range_name    = "pods"
    ip_cidr_range = var.ranges.pods
  }

  secondary_ip_range {
    range_name    = "services"
    ip_cidr_range = var.ranges.services
  }
}

# Nodes have no public addresses; workspaces reach the world through these two.

resource "google_compute_router" "egress" {
  name    = "router-${var.name}"
  project = var.project
  region  = var.region
  network = local.network
}

resource "google_compute_router_nat" "egress" {
  name                               = "nat-${var.name}"
  project                            = var.project
  region                             = var.region
  router                             = google_compute_router.egress.name
  nat_ip_allocate_option             = "AUTO_ONLY"
  source_subnetwork_ip_ranges_to_nat = "LIST_OF_SUBNETWORKS"

  subnetwork {
    name                    = google_compute_subnetwork.nodes.id
    source_ip_ranges_to_nat = ["ALL_IP_RANGES"]
  }
}
