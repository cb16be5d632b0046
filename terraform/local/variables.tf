# The contract of every cluster type's module: name, region, labels, run_id, fleet.

variable "name" {
  description = "Name of the cluster, an RFC 1123 label."
  type        = string
}

variable "region" {
  description = "Region that the nodes say they are in."
  type        = string
  default     = ""
}

variable "labels" {
  description = "Labels that are kept with the cluster."
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

# The lab's own.

variable "nodes" {
  description = "Number of simulated nodes."
  type        = number
  default     = 3
}

variable "program" {
  description = "How the lab is called: a program and the arguments before `create` and `delete`."
  type        = list(string)
  default     = ["ws-deployment", "lab", "cluster"]
}

variable "state_home" {
  description = "The XDG state folder that the lab's own folder is in; default: ~/.local/state."
  type        = string
  default     = null
}
