resource "helm_release" "infraforge" {
  name       = "infraforge"
  namespace  = "platform-system"
  repository = local.is_oci ? trimsuffix(var.infraforge_chart, "/${basename(var.infraforge_chart)}") : null
  chart      = local.is_oci ? basename(var.infraforge_chart) : var.infraforge_chart
  version    = var.infraforge_version
  timeout    = 900 # its setup Job waits for Gitea to answer
  depends_on = [helm_release.knative, helm_release.gitea, helm_release.argocd, kubernetes_secret_v1.gitea_admin]

  values = concat([yamlencode({
    image = { repository = coalesce(var.image_repository, var.cloud.image_repository), tag = var.image_tag }
    setup = { adminSecret = "gitea-admin", tokenGeneration = var.token_generation }
  })], var.infraforge_values)
}
