# One lab cluster: a real Kubernetes control plane on this machine, made and removed by `ws-deployment lab cluster`.
# The built-in provider is all it needs, so it works offline, in Terraform and in OpenTofu.

terraform {
  required_version = ">= 1.6"
}

# Whose the cluster is, as it was made: a later run that reads the same state does not become its owner.
resource "terraform_data" "owner" {
  input = {
    run_id = var.run_id
    fleet  = var.fleet
  }

  lifecycle {
    ignore_changes = [input]
  }
}

resource "terraform_data" "cluster" {
  # What the provisioners need. A destroy provisioner sees its own resource alone.
  input = {
    name       = var.name
    run_id     = terraform_data.owner.output.run_id
    program    = var.program
    state_home = local.state_home
  }

  # A change of these makes another cluster of it.
  triggers_replace = {
    name   = var.name
    region = var.region
    nodes  = var.nodes
    labels = var.labels
  }

  # The interpreter gets `command` as its last argument: no shell reads any of it.
  provisioner "local-exec" {
    interpreter = concat(
      var.program,
      ["lab", "cluster", "create"],
      ["--run-id", terraform_data.owner.output.run_id, "--fleet", terraform_data.owner.output.fleet],
      ["--region", var.region, "--nodes", tostring(var.nodes)],
      flatten([for key, value in var.labels : ["--label", "${key}=${value}"]]),
    )
    command     = var.name
    environment = { XDG_STATE_HOME = local.state_home }
  }

  provisioner "local-exec" {
    when        = destroy
    interpreter = concat(self.input.program, ["lab", "cluster", "delete", "--run-id", self.input.run_id])
    command     = self.input.name
    environment = { XDG_STATE_HOME = self.input.state_home }
  }
}

locals {
  state_home = coalesce(var.state_home, pathexpand("~/.local/state"))
  # Known when the cluster is there, because it is made of what only then is known.
  folder = "${terraform_data.cluster.output.state_home}/ws-deployment/lab/clusters/${terraform_data.cluster.output.name}"
  # One that was removed by hand has no outputs; it can still be destroyed, or planned anew.
  exists = fileexists("${local.folder}/cluster.json")
  record = local.exists ? jsondecode(file("${local.folder}/cluster.json")) : null
}
