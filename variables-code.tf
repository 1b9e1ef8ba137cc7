variable "code" {
  description = <<-EOT
    The function's code, from exactly one source: `source_dir`, `filename`, `s3` or `image`. It may be null only
    with `function.existing`.
    - `source_dir` (known when Terraform plans; without Terraform files): a directory of Python files. The module
      packs it at apply, together with the package `idempotent_lambda`; the machine that applies needs `python3`
      3.8 or newer. Each file gets the mode 0755, and CRLF becomes LF in text. The zip has no hidden files,
      `__pycache__` or `*.pyc`. Write `"$${path.module}/src"`.
    - `exclude` (with `*`, `**` and `?`; not brackets): other files and directories that the zip does not get. A
      pattern with a slash at its start or in its middle starts at `source_dir`; another one matches a name at
      any depth. Your list replaces the default.
    - `requirements` (a complete lock: each package with `==`): a file of packages. The module installs them with
      `pip`, for the function's runtime and architecture, from wheels only. When null, the module uses
      `requirements.txt` in `source_dir` if it exists.
    - `build_dir` (writable, outside `source_dir`): the directory for the zip. When null, it is
      `.terraform/idempotent-lambda` in the root module.
    - `python` (3.8 or newer): the program that packs, such as `python` on Windows.
    - `filename` (ends in `.zip`, exists when Terraform plans the function): a zip that you built, with this
      module's `handler/idempotent_lambda` at its top.
    - `s3.bucket` (in the function's Region): the bucket of a zip that you built in the same way.
    - `s3.key`: the key of the zip in the bucket.
    - `s3.object_version`: the version of the object. Without it, Terraform does not notice a new zip under the
      same key.
    - `s3.source_code_hash` (SHA-256 in base64, 44 characters): the hash of the zip. With it, the module notices a
      failed deployment.
    - `image.uri` (in ECR, in the function's Region): a container image with an AWS base image for Python, your
      modules and the package `idempotent_lambda`.
  EOT
  default     = null

  type = object({
    build_dir = optional(string)
    exclude = optional(list(string), [
      "/tests", "/venv", "*.egg-info", "/htmlcov", "/coverage.xml", "*~", "*.swp", "*.bak", "*.orig", "*.iml",
      "Thumbs.db", "desktop.ini",
    ])
    filename     = optional(string)
    image        = optional(object({ uri = string }))
    python       = optional(string, "python3")
    requirements = optional(string)
    s3 = optional(object({
      bucket           = string
      key              = string
      object_version   = optional(string)
      source_code_hash = optional(string)
    }))
    source_dir = optional(string)
  })

  validation {
    condition = var.code == null ? true : (
      length([for name in local.code_sources : name if var.code[name] != null]) == 1
    )
    error_message = nonsensitive(join("", [for part in [
      "code sets ", length([for name in local.code_sources : name if try(var.code[name], null) != null]), " of ",
      "${join(", ", local.code_sources)}; it takes exactly one. Set source_dir to pack a directory, filename or s3 to ",
      "use your zip, or image.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = !can(regex("[\\[\\]{}*?]", var.code.source_dir))
    error_message = nonsensitive(join("", [for part in [
      "code.source_dir = ", jsonencode(try(var.code.source_dir, null)), " has one of []{}*?, and Terraform would take ",
      "it for a pattern of many paths. Rename the directory.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.code == null ? true : endswith(coalesce(var.code.filename, ".zip"), ".zip")
    error_message = nonsensitive(join("", [for part in [
      "code.filename = ", jsonencode(try(var.code.filename, null)), " does not end in .zip. Give the zip that holds ",
      "your modules and the package idempotent_lambda, or set code.source_dir, and the module packs that directory.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.code == null ? true : alltrue([
      for glob in var.code.exclude :
      trimspace(coalesce(glob, " ")) == glob &&
      glob != "./" &&
      can(regex("^[^\\[\\](){}|^$+\\\\!]*[^\\[\\](){}|^$+\\\\!/][^\\[\\](){}|^$+\\\\!]*$", glob))
    ])
    error_message = nonsensitive(join("", [for part in [
      "code.exclude = ", jsonencode(try(var.code.exclude, null)), "; a pattern is a name or path with *, ** and ?, ",
      "without brackets, other signs of regular expressions, or spaces at its ends. Use ? for such a sign.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.code == null ? true : (
      !contains([var.code.build_dir, var.code.python, var.code.requirements], "")
    )
    error_message = nonsensitive(join("", [for part in [
      "code.build_dir = ", jsonencode(try(var.code.build_dir, null)), ", code.python = ",
      jsonencode(try(var.code.python, null)), " or code.requirements = ", jsonencode(try(var.code.requirements, null)),
      " is empty. Give it a value, or leave it out.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # code, image and uri may each be null; only the last one is wrong.
  validation {
    condition = try(var.code.image, null) == null ? true : can(regex(".", var.code.image.uri))
    error_message = nonsensitive(join("", [for part in [
      "code.image.uri = ", jsonencode(try(var.code.image.uri, null)), " is empty. Give the URI of an image in ECR, or ",
      "leave code.image out.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  validation {
    condition = var.code == null ? true : (
      var.code.source_dir != null ||
      (var.code.requirements == null && var.code.build_dir == null)
    )
    error_message = nonsensitive(join("", [for part in [
      "code.requirements = ", jsonencode(try(var.code.requirements, null)), " or code.build_dir = ",
      jsonencode(try(var.code.build_dir, null)), " is set, and code.source_dir is null; the module then builds ",
      "nothing. Remove it, or set code.source_dir.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }

  # code and s3 may each be null; of s3, bucket and key must not.
  validation {
    condition = try(var.code.s3, null) == null ? true : var.code.s3.bucket != null && var.code.s3.key != null
    error_message = join(" ", [
      "code.s3 has no bucket or no key. Give both, or leave code.s3 out.",
    ])
  }

  # code, s3 and the hash may each be null, and an empty hash counts as null.
  validation {
    condition = try(coalesce(var.code.s3.source_code_hash), null) == null ? true : (
      can(regex(local.sha256, var.code.s3.source_code_hash))
    )
    error_message = nonsensitive(join("", [for part in [
      "code.s3.source_code_hash = ", jsonencode(try(var.code.s3.source_code_hash, null)), " is not a SHA-256 in ",
      "base64. Use filebase64sha256() of the zip.",
    ] : issensitive(part) ? "(sensitive)" : part]))
  }
}

locals {
  code_sources = ["filename", "image", "s3", "source_dir"]
}
