# One workspace cluster on Google Kubernetes Engine, with its network, its identities and its node pools.
# There is no provider block: credentials come by environment, and every resource names its project.

terraform {
  required_version = ">= 1.6"

  required_providers {
    google = {
      source = "hashicorp/google"
      # The arguments below are checked against the schema of this release.
      version = "~> 6.50.0"
    }
  }
}
