# What an operator gets who says nothing but the region. Plans only, so no resource is made.

variables {
  region = "eu-central-1"
}

run "by_default" { # one run: it is the plan that takes time
  command = plan

  assert {
    condition     = aws_eks_cluster.this.vpc_config[0].endpoint_private_access && !aws_eks_cluster.this.vpc_config[0].endpoint_public_access
    error_message = "the API server is reachable from the internet, or not from the VPC"
  }
  assert {
    condition     = aws_eks_cluster.this.access_config[0].authentication_mode == "API"
    error_message = "who administers the cluster is not decided by IAM alone"
  }
  assert {
    condition     = length(aws_eks_cluster.this.enabled_cluster_log_types) == 5 && aws_cloudwatch_log_group.control_plane.retention_in_days == 90
    error_message = "not all of the control plane's logs are kept for 90 days"
  }
  assert {
    condition     = length(aws_eks_access_entry.admin) == 0
    error_message = "somebody administers the cluster whom nobody named"
  }
  assert {
    condition     = one(aws_eks_cluster.this.encryption_config[0].resources) == "secrets" && aws_kms_key.this.enable_key_rotation
    error_message = "Kubernetes Secrets are not encrypted with a key that rotates"
  }
  assert {
    condition     = tobool(aws_launch_template.nodes.block_device_mappings[0].ebs[0].encrypted)
    error_message = "the disks of the nodes are not encrypted"
  }
  assert {
    condition     = alltrue([for it in aws_ecr_repository.image : it.encryption_configuration[0].encryption_type == "KMS"])
    error_message = "images are not encrypted with our key"
  }
  assert {
    condition     = keys(aws_ecr_repository.image) == ["application", "bootstrap", "platform"]
    error_message = "the registry is not for the three images"
  }
  assert {
    condition     = alltrue([for it in aws_ecr_repository.image : it.image_tag_mutability == "IMMUTABLE" && it.image_scanning_configuration[0].scan_on_push])
    error_message = "a tag can be moved, or an image goes in unscanned"
  }
  assert {
    condition     = !anytrue([for it in aws_ecr_repository.image : it.force_delete]) && aws_secretsmanager_secret.gitea.recovery_window_in_days == 30
    error_message = "destroy takes images or the password with it at once"
  }
  assert {
    condition     = aws_launch_template.nodes.metadata_options[0].http_tokens == "required" && aws_launch_template.nodes.metadata_options[0].http_put_response_hop_limit == 1
    error_message = "the metadata service answers pods, or answers without a token"
  }
  assert {
    condition     = [for key, it in aws_iam_role_policy_attachment.service : key if it.role == "infraforge-nodes"] == ["AmazonEC2ContainerRegistryPullOnly", "AmazonEKSWorkerNodePolicy"]
    error_message = "the nodes may do more than join the cluster and pull images"
  }
  assert {
    condition     = jsondecode(data.aws_iam_policy_document.service["cluster"].json).Statement[0].Principal.Service == "eks.amazonaws.com"
    error_message = "somebody other than EKS takes the cluster's role"
  }
  assert {
    condition     = jsondecode(data.aws_iam_policy_document.key.json).Statement[1].Condition.ArnEquals["kms:EncryptionContext:aws:logs:arn"] == "arn:aws:logs:eu-central-1:123456789012:log-group:/aws/eks/infraforge/cluster"
    error_message = "CloudWatch may use the key for other logs than the control plane's"
  }
  assert {
    condition     = jsondecode(data.aws_iam_policy_document.key.json).Statement[0].Principal.AWS == "arn:aws:iam::123456789012:root"
    error_message = "the key obeys another account"
  }
  assert {
    condition     = length(aws_subnet.private) == 3 && length(aws_nat_gateway.this) == 3 && length(distinct([for it in aws_subnet.private : it.availability_zone])) == 3
    error_message = "there are not three zones with a NAT gateway each"
  }
  assert {
    condition     = length(setintersection([for it in aws_subnet.private : it.cidr_block], [for it in aws_subnet.public : it.cidr_block])) == 0
    error_message = "private and public subnets share addresses"
  }
  assert {
    condition     = !anytrue([for it in aws_subnet.public : coalesce(it.map_public_ip_on_launch, false)])
    error_message = "what lands in a public subnet has a public address"
  }
  assert {
    condition     = keys(aws_vpc_endpoint.interface) == ["ecr.api", "ecr.dkr", "sts"] && alltrue([for it in aws_vpc_endpoint.interface : it.private_dns_enabled])
    error_message = "images or credentials are fetched through the internet"
  }
  assert {
    condition     = aws_secretsmanager_secret_version.gitea.secret_string == null && aws_secretsmanager_secret_version.gitea.secret_string_wo_version == 1
    error_message = "the password is an argument that the state keeps"
  }
}
