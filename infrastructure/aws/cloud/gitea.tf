# Gitea's admin password is made by AWS, kept by Secrets Manager, and never in Terraform's state or plan: the password is
# ephemeral here and the argument that stores it is write-only. ../cluster reads it the same way.

ephemeral "aws_secretsmanager_random_password" "gitea" {
  password_length     = 40
  exclude_punctuation = true
}

resource "aws_secretsmanager_secret" "gitea" {
  name_prefix             = "${var.name}-gitea-admin-" # a deleted name stays taken until its recovery window ends
  kms_key_id              = aws_kms_key.this.arn
  recovery_window_in_days = var.disposable ? 0 : 30
}

resource "aws_secretsmanager_secret_version" "gitea" {
  secret_id                = aws_secretsmanager_secret.gitea.id
  secret_string_wo         = jsonencode({ username = var.gitea_admin, password = ephemeral.aws_secretsmanager_random_password.gitea.random_password })
  secret_string_wo_version = var.gitea_admin_generation
}
