output "installed" {
  description = "Release => version of its chart, in the order of the timeline."
  value = {
    for release in [
      helm_release.knative_operator, helm_release.gitea, helm_release.argocd, helm_release.infraforge,
    ] : release.name => release.version
  }
}

output "claims" {
  description = "The claims that were applied, as kubectl names them."
  value       = [for file in var.claims : lower("${yamldecode(file(file)).kind}/${yamldecode(file(file)).metadata.name}")]
  depends_on  = [helm_release.claims]
}
