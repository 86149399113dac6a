# What lives in the cluster: Knative, Gitea (empty), ArgoCD (empty), InfraForge, and the claims that set it going. No Git
# operation and no business logic: those are the functions'.

provider "aws" {
  region = var.cloud.region
}

provider "kubernetes" {
  host                   = var.cloud.endpoint
  cluster_ca_certificate = base64decode(var.cloud.ca_certificate)

  exec {
    api_version = "client.authentication.k8s.io/v1beta1"
    command     = "aws"
    args        = local.token
  }
}

provider "helm" {
  kubernetes = {
    host                   = var.cloud.endpoint
    cluster_ca_certificate = base64decode(var.cloud.ca_certificate)

    exec = {
      api_version = "client.authentication.k8s.io/v1beta1"
      command     = "aws"
      args        = local.token
    }
  }
}

locals {
  is_oci = startswith(var.infraforge_chart, "oci://")
  token  = ["eks", "get-token", "--region", var.cloud.region, "--cluster-name", var.cloud.cluster_name]

  # Namespace => the Pod Security level that is enforced in it: restricted for our own pods, and baseline where a chart of
  # somebody else's says what pods look like.
  namespaces = {
    platform-system  = "restricted"
    gitea            = "baseline"
    argocd           = "baseline"
    knative-operator = "baseline"
    knative-serving  = "baseline"
    knative-eventing = "baseline"
  }
}

# Claims and Git are in these namespaces, so they outlive this stack (and a new apply takes them over again).
resource "helm_release" "namespaces" {
  name      = "namespaces"
  namespace = "kube-system"
  chart     = "${path.module}/charts/namespaces"
  values    = [yamlencode({ namespaces = local.namespaces })]
}

resource "kubernetes_storage_class_v1" "gp3" {
  metadata {
    name        = "gp3"
    annotations = { "storageclass.kubernetes.io/is-default-class" = "true" }
  }

  storage_provisioner    = "ebs.csi.aws.com"
  volume_binding_mode    = "WaitForFirstConsumer" # a volume lies in the zone of its first pod
  reclaim_policy         = "Retain"               # Git is on such a volume
  allow_volume_expansion = true
  parameters             = { type = "gp3", encrypted = "true" }
}
