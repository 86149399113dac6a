# The cluster stack by itself, without a cluster and without Helm. Of AWS it reads one secret: Terraform mocks no ephemeral
# value yet. Plans only, so no resource is made.

mock_provider "helm" {}
mock_provider "kubernetes" {}

variables {
  cloud = {
    region                 = "eu-central-1"
    cluster_name           = "infraforge"
    endpoint               = "https://example.eks.amazonaws.com"
    ca_certificate         = "LS0tLS0="
    image_repository       = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/infraforge"
    gitea_admin_secret     = "terraform-test-gitea-admin"
    gitea_admin_generation = 3
  }
}

run "by_default" {
  command = plan

  assert {
    condition     = helm_release.infraforge.repository == "oci://ghcr.io/infraforge/charts" && helm_release.infraforge.chart == "infraforge" && helm_release.infraforge.version == "0.1.0"
    error_message = "the chart is not the released one of this version"
  }
  assert {
    condition     = yamldecode(helm_release.infraforge.values[0]).image == { repository = var.cloud.image_repository, tag = "" }
    error_message = "the images are not those of our own registry, in the chart's version"
  }
  assert {
    condition     = alltrue([for it in kubernetes_secret_v1.gitea_admin : it.data_wo_revision == 3])
    error_message = "a new password does not reach the cluster"
  }
}

run "what_may_be_chosen" {
  command = plan
  variables {
    infraforge_chart  = "../../../knative"
    image_repository  = "ghcr.io/infraforge"
    image_tag         = "1.2.3"
    token_generation  = 2
    infraforge_values = ["oidc: {enabled: true}"]
    claims            = ["../../../deployments/bootstrap-claim.yaml"]
  }

  assert {
    condition     = yamldecode(helm_release.infraforge.values[0]).image == { repository = "ghcr.io/infraforge", tag = "1.2.3" } && yamldecode(helm_release.infraforge.values[0]).setup.tokenGeneration == 2
    error_message = "images or tokens are not those that were asked for"
  }
  assert {
    condition     = helm_release.infraforge.chart == "../../../knative" && helm_release.infraforge.repository == null
    error_message = "a folder is not taken for the chart"
  }
  assert {
    condition     = helm_release.infraforge.values[1] == "oidc: {enabled: true}"
    error_message = "further values do not come last"
  }
  assert {
    condition     = length(yamldecode(helm_release.claims.values[0]).claims) == 1
    error_message = "other claims than the one that was asked for are applied"
  }
}

run "what_is_refused" {
  command = plan
  variables {
    knative_operator_version = "1.23.0"
    knative_version          = "latest"
    gitea_chart_version      = "12.x"
    gitea_volume             = "20GB"
    argocd_chart_version     = ">= 9"
    infraforge_chart         = "infraforge/infraforge"
    infraforge_version       = "newest"
    infraforge_values        = ["- not a mapping"]
    image_tag                = "latest"
    token_generation         = 0
    claims                   = ["../../../deployments/dev/dev-apps-claim.yaml"]
    cloud = {
      region                 = "eu-central-1"
      cluster_name           = "infraforge"
      endpoint               = "http://example.eks.amazonaws.com" # without TLS
      ca_certificate         = "LS0tLS0="
      image_repository       = "123456789012.dkr.ecr.eu-central-1.amazonaws.com/infraforge"
      gitea_admin_secret     = "terraform-test-gitea-admin"
      gitea_admin_generation = 1
    }
  }
  expect_failures = [
    var.knative_operator_version, var.knative_version, var.gitea_chart_version, var.gitea_volume, var.argocd_chart_version,
    var.infraforge_chart, var.infraforge_version, var.infraforge_values, var.image_tag, var.token_generation, var.claims,
    var.cloud,
  ]
}
