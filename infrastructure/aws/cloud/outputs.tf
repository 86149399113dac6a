output "cloud" {
  description = "All that ../cluster has to know of this stack; nothing in it is secret."
  value = {
    region                 = var.region
    cluster_name           = aws_eks_cluster.this.name
    endpoint               = aws_eks_cluster.this.endpoint
    ca_certificate         = aws_eks_cluster.this.certificate_authority[0].data
    image_repository       = trimsuffix(aws_ecr_repository.image["bootstrap"].repository_url, "/bootstrap")
    gitea_admin_secret     = aws_secretsmanager_secret.gitea.id
    gitea_admin_generation = aws_secretsmanager_secret_version.gitea.secret_string_wo_version
  }
  depends_on = [aws_eks_addon.workload] # the other stack needs names resolved and volumes made
}

output "kubeconfig_command" {
  description = "Makes kubectl talk to the cluster."
  value       = "aws eks update-kubeconfig --region ${var.region} --name ${aws_eks_cluster.this.name}"
}

output "oidc_provider_arn" {
  description = "For further roles that a ServiceAccount may take (IRSA)."
  value       = aws_iam_openid_connect_provider.this.arn
}

output "private_subnet_ids" {
  description = "By availability zone."
  value       = { for zone, subnet in aws_subnet.private : zone => subnet.id }
}
