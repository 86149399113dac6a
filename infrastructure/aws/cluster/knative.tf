resource "helm_release" "knative_operator" {
  name       = "knative-operator"
  namespace  = "knative-operator"
  repository = "https://knative.github.io/operator"
  chart      = "knative-operator"
  version    = var.knative_operator_version
  timeout    = 600
  depends_on = [helm_release.namespaces]
}

# Ends only when Knative serves: InfraForge's chart needs its kinds and its webhooks.
resource "helm_release" "knative" {
  name       = "knative"
  namespace  = "knative-operator"
  chart      = "${path.module}/charts/knative"
  values     = [yamlencode({ version = var.knative_version })]
  timeout    = 900
  depends_on = [helm_release.knative_operator]
}
