locals {
  services = {
    cluster = { principal = "eks.amazonaws.com", policies = ["AmazonEKSClusterPolicy"] }
    nodes   = { principal = "ec2.amazonaws.com", policies = ["AmazonEKSWorkerNodePolicy", "AmazonEC2ContainerRegistryPullOnly"] }
  }

  # Add-on => the one ServiceAccount in kube-system that may take the role, and the one policy it has.
  irsa = {
    vpc-cni            = { service_account = "aws-node", policy = "AmazonEKS_CNI_Policy" }
    aws-ebs-csi-driver = { service_account = "ebs-csi-controller-sa", policy = "service-role/AmazonEBSCSIDriverPolicy" }
  }
}

data "aws_iam_policy_document" "service" {
  for_each = local.services

  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value.principal]
    }
  }
}

data "aws_iam_policy_document" "irsa" {
  for_each = local.irsa

  statement {
    actions = ["sts:AssumeRoleWithWebIdentity"]
    principals {
      type        = "Federated"
      identifiers = [aws_iam_openid_connect_provider.this.arn]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:aud"
      values   = ["sts.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "${local.issuer}:sub"
      values   = ["system:serviceaccount:kube-system:${each.value.service_account}"]
    }
  }
}

data "aws_iam_policy_document" "key" {
  statement {
    sid       = "AccountDecidesByIam"
    actions   = ["kms:*"] # without it nobody could change the key again; IAM policies narrow it
    resources = ["*"]     # in a key's policy: this key
    principals {
      type        = "AWS"
      identifiers = ["arn:${data.aws_partition.this.partition}:iam::${data.aws_caller_identity.this.account_id}:root"]
    }
  }

  statement {
    sid       = "ControlPlaneLogs"
    actions   = ["kms:Encrypt", "kms:Decrypt", "kms:ReEncrypt*", "kms:GenerateDataKey*", "kms:DescribeKey"]
    resources = ["*"]
    principals {
      type        = "Service"
      identifiers = ["logs.${var.region}.amazonaws.com"]
    }
    condition {
      test     = "ArnEquals"
      variable = "kms:EncryptionContext:aws:logs:arn"
      values   = ["arn:${data.aws_partition.this.partition}:logs:${var.region}:${data.aws_caller_identity.this.account_id}:log-group:/aws/eks/${var.name}/cluster"]
    }
  }
}

resource "aws_iam_role" "service" {
  for_each           = local.services
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.service[each.key].json
}

resource "aws_iam_role_policy_attachment" "service" {
  for_each   = merge([for role, it in local.services : { for policy in it.policies : policy => role }]...)
  role       = aws_iam_role.service[each.value].name
  policy_arn = "${local.policies}/${each.key}"
}

resource "aws_iam_openid_connect_provider" "this" {
  url            = aws_eks_cluster.this.identity[0].oidc[0].issuer
  client_id_list = ["sts.amazonaws.com"]
}

resource "aws_iam_role" "irsa" {
  for_each           = local.irsa
  name               = "${var.name}-${each.key}"
  assume_role_policy = data.aws_iam_policy_document.irsa[each.key].json
}

resource "aws_iam_role_policy_attachment" "irsa" {
  for_each   = local.irsa
  role       = aws_iam_role.irsa[each.key].name
  policy_arn = "${local.policies}/${each.value.policy}"
}
