# The contract of every cluster type's module: name, region, labels, run_id, fleet.

variable "name" {
  description = "Name of the cluster."
  type        = string

  validation {
    condition     = can(regex("^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$", var.name))
    error_message = "GKE takes at most 40 characters: lower-case letters, digits, dashes; a letter first, no dash last."
  }
}

variable "region" {
  description = "Region of network and cluster."
  type        = string
}

variable "labels" {
  description = "Labels on everything that can bear them; Google takes lower-case letters, digits, - and _."
  type        = map(string)
  default     = {}
}

variable "run_id" {
  description = "Id of the run that makes the cluster: the mark by which it finds its own again."
  type        = string
}

variable "fleet" {
  description = "Fleet that the cluster belongs to."
  type        = string
}

# Google's own.

variable "project" {
  description = "Id of the Google Cloud project."
  type        = string
}

variable "short_name" {
  description = "The cluster's short name, such as eu17; part of service accounts' names, which are short."
  type        = string

  validation {
    condition     = length(var.short_name) <= 16
    error_message = "A service account's name has at most 30 characters: ws-SHORTNAME-HASH6-dns must fit in."
  }
}

variable "zone" {
  description = "Zone of the cluster; null makes it regional: three control planes, nodes in three zones."
  type        = string
  default     = null
}

variable "network" {
  description = "Name of an existing VPC network; null makes one for the cluster alone."
  type        = string
  default     = null
}

variable "ranges" {
  description = "Address ranges. Within one network those of two clusters must not overlap."
  type = object({
    nodes    = optional(string, "10.255.0.0/16")
    pods     = optional(string, "10.0.0.0/12")
    services = optional(string, "10.64.0.0/12")
  })
  default = {}
}

variable "control_plane_access" {
  description = "Who may reach the control plane's public address: name to CIDR. Null leaves it to credentials alone."
  type        = map(string)
  default     = null
}

variable "kubernetes_version" {
  description = "Least version of the control plane, such as 1.33; null takes Google's default. It is never upgraded."
  type        = string
  default     = null
}

variable "node_pools" {
  description = "Node pools by name. Sizes are totals over all zones."
  type = map(object({
    machine_type = string
    disk_size_gb = number
    min_nodes    = optional(number, 1)
    max_nodes    = number
    labels       = map(string)
    taints       = optional(list(object({ key = string, value = string, effect = string })), [])
    tags         = optional(list(string), [])
  }))
  default = {
    services = {
      machine_type = "n2d-standard-4"
      disk_size_gb = 100
      max_nodes    = 4
      labels = {
        "gitpod.io/workload_meta"               = "true"
        "gitpod.io/workload_ide"                = "true"
        "gitpod.io/workload_workspace_services" = "true"
        "gitpod.io/workload_services"           = "true"
      }
    }
    workspaces = {
      machine_type = "n2d-standard-8"
      disk_size_gb = 512
      max_nodes    = 50
      labels       = { "gitpod.io/workload_workspace_regular" = "true" }
    }
    headless = {
      machine_type = "n2d-standard-8"
      disk_size_gb = 512
      max_nodes    = 50
      labels       = { "gitpod.io/workload_workspace_headless" = "true" }
    }
  }
}

variable "max_pods_per_node" {
  description = "Pods a node may run; also decides how many addresses a node takes from the range of pods."
  type        = number
  default     = 110
}

variable "node_roles" {
  description = "Roles of the nodes' service account beyond the least that GKE asks for."
  type        = set(string)
  default     = []
}

variable "bucket" {
  description = "Bucket in which workspaces keep their content; nodes may read and write its objects. Null for none."
  type        = string
  default     = null
}

variable "domain" {
  description = "Domain of the cluster, such as ws-eu17.example.com, to make a DNS zone for; null for none."
  type        = string
  default     = null
}

variable "dns_service_account" {
  description = "Kubernetes service account (namespace/name) that may write the DNS zone, by workload identity."
  type        = string
  default     = "cert-manager/cert-manager"
}

variable "maintenance_window" {
  description = "When Google may maintain the control plane (RFC 3339 times, RFC 5545 rule); null leaves it to Google."
  type = object({
    start_time = string
    end_time   = string
    recurrence = string
  })
  default = null
}

variable "deletion_protection" {
  description = <<-TEXT
    Whether Terraform refuses to delete the cluster. The provider's own default is true, with which a cluster that
    was to be replaced could not be removed: clusters of a run come and go. Guards against removal by mistake stand
    where the run decides, not here.
  TEXT
  type        = bool
  default     = false
}
