# The last step of the timeline: with the kinds there, the claims. What Gitea and ArgoCD hold from now on is the work of
# the functions; Terraform looks at none of it.
resource "helm_release" "claims" {
  name       = "infraforge-claims"
  namespace  = "platform-system"
  chart      = "${path.module}/charts/claims"
  values     = [yamlencode({ claims = [for file in var.claims : yamldecode(file(file))] })]
  depends_on = [helm_release.infraforge]
}
