resource "aws_kms_key" "this" {
  description             = "InfraForge ${var.name}: Kubernetes Secrets, control plane logs, images, passwords"
  enable_key_rotation     = true
  deletion_window_in_days = var.disposable ? 7 : 30
  policy                  = data.aws_iam_policy_document.key.json
}

resource "aws_cloudwatch_log_group" "control_plane" {
  name              = "/aws/eks/${var.name}/cluster" # the name that EKS writes to
  retention_in_days = var.log_retention_days
  kms_key_id        = aws_kms_key.this.arn
}

resource "aws_eks_cluster" "this" {
  name                          = var.name
  version                       = var.kubernetes_version
  role_arn                      = aws_iam_role.service["cluster"].arn
  enabled_cluster_log_types     = ["api", "audit", "authenticator", "controllerManager", "scheduler"]
  bootstrap_self_managed_addons = false

  vpc_config {
    subnet_ids              = [for subnet in aws_subnet.private : subnet.id]
    endpoint_private_access = true
    endpoint_public_access  = length(var.public_access_cidrs) > 0
    public_access_cidrs     = length(var.public_access_cidrs) > 0 ? var.public_access_cidrs : null
  }

  encryption_config {
    resources = ["secrets"]
    provider { key_arn = aws_kms_key.this.arn }
  }

  access_config {
    authentication_mode                         = "API"
    bootstrap_cluster_creator_admin_permissions = true
  }

  depends_on = [aws_iam_role_policy_attachment.service, aws_cloudwatch_log_group.control_plane]
}

resource "aws_eks_access_entry" "admin" {
  for_each      = var.admin_role_arns
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.key
}

resource "aws_eks_access_policy_association" "admin" {
  for_each      = aws_eks_access_entry.admin
  cluster_name  = aws_eks_cluster.this.name
  principal_arn = each.value.principal_arn
  policy_arn    = "arn:${data.aws_partition.this.partition}:eks::aws:cluster-access-policy/AmazonEKSClusterAdminPolicy"
  access_scope { type = "cluster" }
}

# Nodes are not Ready without a network, and CoreDNS is not Ready without nodes: hence two sets of add-ons.
resource "aws_eks_addon" "network" {
  for_each                 = { vpc-cni = jsonencode({ enableNetworkPolicy = "true" }), kube-proxy = null }
  cluster_name             = aws_eks_cluster.this.name
  addon_name               = each.key
  addon_version            = lookup(var.addon_versions, each.key, null)
  configuration_values     = each.value
  service_account_role_arn = try(aws_iam_role.irsa[each.key].arn, null)
}

resource "aws_eks_addon" "workload" {
  for_each                 = toset(["coredns", "aws-ebs-csi-driver"])
  cluster_name             = aws_eks_cluster.this.name
  addon_name               = each.key
  addon_version            = lookup(var.addon_versions, each.key, null)
  service_account_role_arn = try(aws_iam_role.irsa[each.key].arn, null)
  depends_on               = [aws_eks_node_group.this]
}

resource "aws_launch_template" "nodes" {
  name_prefix            = "${var.name}-"
  update_default_version = true

  block_device_mappings {
    device_name = "/dev/xvda"
    ebs {
      encrypted   = true
      volume_type = "gp3"
      volume_size = var.node_disk_gib
    }
  }

  metadata_options {
    http_endpoint               = "enabled"
    http_tokens                 = "required"
    http_put_response_hop_limit = 1 # a pod does not reach the node's own credentials
  }
}

resource "aws_eks_node_group" "this" {
  cluster_name    = aws_eks_cluster.this.name
  node_group_name = "workers"
  version         = aws_eks_cluster.this.version
  node_role_arn   = aws_iam_role.service["nodes"].arn
  subnet_ids      = [for subnet in aws_subnet.private : subnet.id]
  ami_type        = "AL2023_x86_64_STANDARD"
  instance_types  = var.node_instance_types

  scaling_config {
    min_size     = var.nodes.min
    desired_size = var.nodes.desired
    max_size     = var.nodes.max
  }

  launch_template {
    id      = aws_launch_template.nodes.id
    version = aws_launch_template.nodes.latest_version
  }

  depends_on = [aws_iam_role_policy_attachment.service, aws_iam_role_policy_attachment.irsa, aws_eks_addon.network]
}
