variable "cloud" {
  description = "The output `cloud` of the other stack; `make` writes it to cloud.auto.tfvars.json."
  type = object({
    region                 = string
    cluster_name           = string
    endpoint               = string
    ca_certificate         = string
    image_repository       = string
    gitea_admin_secret     = string
    gitea_admin_generation = number
  })

  validation {
    condition     = startswith(var.cloud.endpoint, "https://")
    error_message = "cloud.endpoint is the https URL of the API server: take the value from `terraform -chdir=../cloud output -json cloud`."
  }
}

variable "knative_operator_version" {
  description = "Version of the knative-operator chart."
  type        = string
  default     = "v1.23.0"

  validation {
    condition     = can(regex("^v[0-9]+\\.[0-9]+\\.[0-9]+$", var.knative_operator_version))
    error_message = "knative_operator_version is exact and begins with v, such as v1.23.0."
  }
}

variable "knative_version" {
  description = "Version of Knative Serving and Eventing; the operator knows its own minor version and three before it, and goes up by one at a time."
  type        = string
  default     = "1.23.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.knative_version))
    error_message = "knative_version is exact, such as 1.23.0."
  }
}

variable "gitea_chart_version" {
  description = "Version of the gitea chart."
  type        = string
  default     = "12.7.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.gitea_chart_version))
    error_message = "gitea_chart_version is exact, such as 12.7.0."
  }
}

variable "gitea_values" {
  description = "Further values of the gitea chart, as YAML: the later one counts. A database of its own belongs here."
  type        = list(string)
  default     = []
}

variable "gitea_volume" {
  description = "Size of the volume with all of Git."
  type        = string
  default     = "20Gi"

  validation {
    condition     = can(regex("^[1-9][0-9]*[GT]i$", var.gitea_volume))
    error_message = "gitea_volume is a size such as 20Gi."
  }
}

variable "argocd_chart_version" {
  description = "Version of the argo-cd chart."
  type        = string
  default     = "10.9.6"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+$", var.argocd_chart_version))
    error_message = "argocd_chart_version is exact, such as 10.9.6."
  }
}

variable "argocd_values" {
  description = "Further values of the argo-cd chart, as YAML: the later one counts."
  type        = list(string)
  default     = []
}

variable "infraforge_chart" {
  description = "InfraForge's chart: in an OCI registry, or a folder such as ../../../knative."
  type        = string
  default     = "oci://ghcr.io/infraforge/charts/infraforge"

  validation {
    condition     = startswith(var.infraforge_chart, "oci://") || fileexists("${var.infraforge_chart}/Chart.yaml")
    error_message = "infraforge_chart begins with oci://, or is a folder with a Chart.yaml."
  }
}

variable "infraforge_version" {
  description = "Version of InfraForge's chart."
  type        = string
  default     = "0.1.0"

  validation {
    condition     = can(regex("^[0-9]+\\.[0-9]+\\.[0-9]+(-[0-9A-Za-z.-]+)?$", var.infraforge_version))
    error_message = "infraforge_version is exact, such as 0.1.0."
  }
}

variable "infraforge_values" {
  description = "Further values of InfraForge's chart, as YAML: the later one counts."
  type        = list(string)
  default     = []

  validation {
    condition     = alltrue([for text in var.infraforge_values : can(keys(yamldecode(text)))])
    error_message = "infraforge_values are YAML mappings, such as file(\"values.yaml\")."
  }
}

variable "image_repository" {
  description = "Where the images are, without the last name. Empty: the ECR repositories of the other stack."
  type        = string
  default     = ""
}

variable "image_tag" {
  description = "Tag of the images. Empty: the chart's appVersion."
  type        = string
  default     = ""

  validation {
    condition     = var.image_tag != "latest"
    error_message = "image_tag names a version: latest cannot be rolled back, and ECR's tags are immutable."
  }
}

variable "token_generation" {
  description = "A higher number makes new Gitea tokens with the next apply."
  type        = number
  default     = 1

  validation {
    condition     = var.token_generation >= 1 && floor(var.token_generation) == var.token_generation
    error_message = "token_generation is a whole number from 1 on."
  }
}

variable "claims" {
  description = "Files with one BootstrapClaim or InfrastructureClaim each."
  type        = list(string)
  default     = ["../../../deployments/bootstrap-claim.yaml", "../../../deployments/dev/dev-infrastructure-claim.yaml"]

  validation {
    condition     = alltrue([for file in var.claims : contains(["BootstrapClaim", "InfrastructureClaim"], try(yamldecode(file(file)).kind, ""))])
    error_message = "claims are files with a BootstrapClaim or an InfrastructureClaim each: applications are deployed by their teams, not by Terraform."
  }
}
