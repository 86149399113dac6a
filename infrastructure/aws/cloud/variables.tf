variable "name" {
  description = "Name of this installation: the cluster's, and the beginning of every other name."
  type        = string
  default     = "infraforge"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{1,28}[a-z0-9]$", var.name))
    error_message = "name is 3 to 30 small letters, digits and hyphens, begins with a letter and ends in no hyphen."
  }
}

variable "region" {
  description = "AWS region, such as eu-central-1."
  type        = string

  validation {
    condition     = can(regex("^[a-z]{2}(-[a-z]+)+-[0-9]$", var.region))
    error_message = "region is the code of an AWS region, such as eu-central-1."
  }
}

variable "tags" {
  description = "Further tags of every resource, beside project and installation."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setintersection(keys(var.tags), ["project", "installation"])) == 0
    error_message = "tags cannot replace project or installation: resources are found by them."
  }
}

variable "vpc_cidr" {
  description = "Addresses of the VPC, a private network between /16 and /20."
  type        = string
  default     = "10.42.0.0/16"

  validation {
    condition = try(
      cidrhost(var.vpc_cidr, 0) == split("/", var.vpc_cidr)[0] && contains(range(16, 21), tonumber(split("/", var.vpc_cidr)[1])), false
    )
    error_message = "vpc_cidr is an IPv4 network between /16 and /20 whose address has no host bits, such as 10.42.0.0/16."
  }
  validation {
    condition     = can(regex("^(10\\.|172\\.(1[6-9]|2[0-9]|3[01])\\.|192\\.168\\.|100\\.(6[4-9]|[7-9][0-9]|1[01][0-9]|12[0-7])\\.)", var.vpc_cidr))
    error_message = "vpc_cidr is private: within 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16 or 100.64.0.0/10."
  }
}

variable "zones" {
  description = "Over how many availability zones subnets and nodes are spread."
  type        = number
  default     = 3

  validation {
    condition     = contains([2, 3, 4], var.zones)
    error_message = "zones is 2, 3 or 4: EKS asks for two at least."
  }
}

variable "nat_per_zone" {
  description = "A NAT gateway in each zone (survives the loss of a zone), or a single one (cheaper)."
  type        = bool
  default     = true
}

variable "interface_endpoints" {
  description = "AWS services that the nodes reach without leaving the VPC; S3 always is one of them, free of charge."
  type        = set(string)
  default     = ["ecr.api", "ecr.dkr", "sts"]
}

variable "kubernetes_version" {
  description = "Version of the control plane and of the nodes."
  type        = string
  default     = "1.35"

  validation {
    condition     = can(regex("^1\\.(3[2-9]|[4-9][0-9])$", var.kubernetes_version))
    error_message = "kubernetes_version is a minor version from 1.32 on, such as 1.35: Knative asks for one that new."
  }
}

variable "public_access_cidrs" {
  description = "Networks that may reach the API server over the internet. None: it is reachable from within the VPC only."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for cidr in var.public_access_cidrs : can(cidrhost(cidr, 0)) && !strcontains(cidr, ":")])
    error_message = "public_access_cidrs are IPv4 networks, such as 203.0.113.0/24."
  }
  validation {
    condition     = var.allow_public_internet || alltrue([for cidr in var.public_access_cidrs : try(tonumber(split("/", cidr)[1]), 32) >= 8])
    error_message = "public_access_cidrs opens the API server to (nearly) the whole internet. Name your own networks, or say allow_public_internet = true."
  }
}

variable "allow_public_internet" {
  description = "Lets public_access_cidrs hold networks wider than /8, 0.0.0.0/0 among them."
  type        = bool
  default     = false
}

variable "admin_role_arns" {
  description = "IAM roles that administer the cluster, beside whoever applies this stack."
  type        = set(string)
  default     = []

  validation {
    condition     = alltrue([for arn in var.admin_role_arns : can(regex("^arn:aws[a-z-]*:iam::[0-9]{12}:(role|user)/[^*]+$", arn))])
    error_message = "admin_role_arns are ARNs of IAM roles or users without a wildcard, such as arn:aws:iam::123456789012:role/platform."
  }
}

variable "addon_versions" {
  description = "Add-on => version, such as { coredns = \"v1.12.3-eksbuild.1\" }. One that is not named gets EKS's default for kubernetes_version."
  type        = map(string)
  default     = {}

  validation {
    condition     = length(setsubtract(keys(var.addon_versions), ["vpc-cni", "kube-proxy", "coredns", "aws-ebs-csi-driver"])) == 0
    error_message = "addon_versions knows vpc-cni, kube-proxy, coredns and aws-ebs-csi-driver."
  }
}

variable "node_instance_types" {
  description = "Instance types of the nodes, x86-64, the preferred one first."
  type        = list(string)
  default     = ["m7i.large", "m6i.large"]

  validation {
    condition     = length(var.node_instance_types) > 0 && alltrue([for it in var.node_instance_types : can(regex("^[a-z][a-z0-9-]*\\.[a-z0-9-]+$", it))])
    error_message = "node_instance_types names one instance type at least, such as m7i.large."
  }
}

variable "nodes" {
  description = "How many nodes there are."
  type        = object({ min = number, desired = number, max = number })
  default     = { min = 2, desired = 3, max = 6 }

  validation {
    condition     = 1 <= var.nodes.min && var.nodes.min <= var.nodes.desired && var.nodes.desired <= var.nodes.max
    error_message = "nodes: 1 <= min <= desired <= max."
  }
}

variable "node_disk_gib" {
  description = "Size of a node's encrypted disk, in GiB."
  type        = number
  default     = 50

  validation {
    condition     = var.node_disk_gib >= 20 && var.node_disk_gib <= 1000
    error_message = "node_disk_gib is between 20 and 1000."
  }
}

variable "log_retention_days" {
  description = "How long the control plane's logs are kept, in days."
  type        = number
  default     = 90

  validation {
    condition     = contains([1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731], var.log_retention_days)
    error_message = "log_retention_days is one of CloudWatch's steps: 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545 or 731."
  }
}

variable "gitea_admin" {
  description = "Name of Gitea's first administrator."
  type        = string
  default     = "gitea-admin"

  validation {
    condition     = can(regex("^[a-z][a-z0-9-]{2,38}[a-z0-9]$", var.gitea_admin)) && var.gitea_admin != "admin"
    error_message = "gitea_admin is 4 to 40 small letters, digits and hyphens, and not admin: Gitea reserves that name."
  }
}

variable "gitea_admin_generation" {
  description = "A higher number makes a new password for Gitea's administrator."
  type        = number
  default     = 1

  validation {
    condition     = var.gitea_admin_generation >= 1 && floor(var.gitea_admin_generation) == var.gitea_admin_generation
    error_message = "gitea_admin_generation is a whole number from 1 on."
  }
}

variable "disposable" {
  description = "A throw-away installation: destroy takes images and the password with it at once."
  type        = bool
  default     = false
}
