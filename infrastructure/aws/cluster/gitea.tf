# The administrator's password, from Secrets Manager to where it is read, and never into a state or a plan.
ephemeral "aws_secretsmanager_secret_version" "gitea" {
  secret_id = var.cloud.gitea_admin_secret
}

resource "kubernetes_secret_v1" "gitea_admin" {
  for_each = toset(["gitea", "platform-system"]) # Gitea itself, and InfraForge's setup Job

  metadata {
    name      = "gitea-admin"
    namespace = each.key
  }

  data_wo          = jsondecode(ephemeral.aws_secretsmanager_secret_version.gitea.secret_string)
  data_wo_revision = var.cloud.gitea_admin_generation
  depends_on       = [helm_release.namespaces]
}

resource "helm_release" "gitea" {
  name       = "gitea"
  namespace  = "gitea"
  repository = "oci://docker.gitea.com/charts"
  chart      = "gitea"
  version    = var.gitea_chart_version
  timeout    = 600
  depends_on = [kubernetes_secret_v1.gitea_admin, kubernetes_storage_class_v1.gp3]

  values = concat([yamlencode({
    strategy         = { type = "Recreate" } # one pod, one volume
    postgresql       = { enabled = false }
    "postgresql-ha"  = { enabled = false }
    valkey           = { enabled = false }
    "valkey-cluster" = { enabled = false }
    persistence      = { size = var.gitea_volume, storageClass = "gp3" }
    gitea = {
      podAnnotations = { "platform.infraforge.io/admin-generation" = tostring(var.cloud.gitea_admin_generation) } # reads a new password
      admin          = { existingSecret = "gitea-admin", passwordMode = "keepUpdated" }
      config = {
        database = { DB_TYPE = "sqlite3" }
        session  = { PROVIDER = "memory" }
        cache    = { ADAPTER = "memory" }
        queue    = { TYPE = "level" }
        server   = { ROOT_URL = "http://gitea-http.gitea.svc:3000/", DOMAIN = "gitea-http.gitea.svc", SSH_DOMAIN = "gitea-ssh.gitea.svc" }
        service  = { DISABLE_REGISTRATION = true }
        security = { ALLOWED_HOST_LIST = "private" } # by default Gitea calls public addresses only
      }
    }
  })], var.gitea_values)
}
