# One lab cluster: a real Kubernetes control plane on this machine, made and removed by the lab's own command line.
# The built-in provider is all it needs, so it works offline, in Terraform and in OpenTofu.

terraform {
  required_version = ">= 1.6"
}

locals {
  state_home = coalesce(var.state_home, pathexpand("~/.local/state"))
  # A change of these makes another cluster of it.
  identity = {
    name   = var.name
    region = var.region
    nodes  = var.nodes
    labels = var.labels
  }
}

# Whose the cluster is, as it was made: a later run that reads the same state does not become its owner.
resource "terraform_data" "owner" {
  triggers_replace = local.identity

  input = {
    run_id = var.run_id
    fleet  = var.fleet
  }

  lifecycle {
    ignore_changes = [input]
  }
}

# Removes the cluster. Terraform skips the destroy provisioner of a resource whose creation failed, so this stands apart
# from the creation: what a failed one has left is removed too. Such a provisioner sees its own resource alone.
resource "terraform_data" "removal" {
  triggers_replace = local.identity

  input = {
    name       = var.name
    run_id     = terraform_data.owner.output.run_id
    program    = var.program
    state_home = local.state_home
  }

  # The interpreter gets `command` as its last argument: no shell reads any of it.
  provisioner "local-exec" {
    when        = destroy
    interpreter = concat(self.input.program, ["delete", "--run-id", self.input.run_id])
    command     = self.input.name
    environment = { XDG_STATE_HOME = self.input.state_home }
  }
}

resource "terraform_data" "cluster" {
  triggers_replace = [terraform_data.removal.id]

  input = {
    name       = var.name
    state_home = local.state_home
  }

  provisioner "local-exec" {
    interpreter = concat(
      var.program,
      ["create"],
      ["--run-id", terraform_data.owner.output.run_id, "--fleet", terraform_data.owner.output.fleet],
      ["--region", var.region, "--nodes", tostring(var.nodes)],
      flatten([for key, value in var.labels : ["--label", "${key}=${value}"]]),
    )
    command     = var.name
    environment = { XDG_STATE_HOME = local.state_home }
  }
}

locals {
  # Known when the cluster is there, because it is made of what is known only then.
  folder = "${terraform_data.cluster.output.state_home}/ws-deployment/lab/clusters/${terraform_data.cluster.output.name}"
  # One that was removed by hand has no outputs; it can still be destroyed.
  exists = fileexists("${local.folder}/cluster.json")
  record = local.exists ? jsondecode(file("${local.folder}/cluster.json")) : null
}
