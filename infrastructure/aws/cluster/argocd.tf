resource "helm_release" "argocd" {
  name       = "argocd"
  namespace  = "argocd"
  repository = "https://argoproj.github.io/argo-helm"
  chart      = "argo-cd"
  version    = var.argocd_chart_version
  timeout    = 600
  depends_on = [helm_release.namespaces]

  values = concat([yamlencode({
    dex           = { enabled = false }
    notifications = { enabled = false }
    configs       = { params = { "applicationsetcontroller.enable.policy.override" = true } } # InfraForge's sets delete nothing
  })], var.argocd_values)
}
