variable "code" {
  description = <<-EOT
    The function's code, from exactly one source: `source_dir`, `filename`, `s3` or `image`. Null only with
    `function.existing`.
    - `source_dir` (known when terraform plans; no files of Terraform): a directory of Python files that is
      packed at apply, together with the package `idempotent_lambda` (needs `python3` 3.8 or newer on the
      machine that applies). Every file gets the mode 0755, and CRLF becomes LF in text. Hidden files,
      `__pycache__` and `*.pyc` are left out. Write `"$${path.module}/src"`.
    - `exclude` (with `*`, `**` and `?`; not brackets): further files and directories to leave out. A pattern
      with a slash at its start or in its middle starts at `source_dir`; another one matches a name at any
      depth. Your list replaces the default.
    - `requirements` (a complete lock: every package with `==`): the packages to install with `pip` for
      the function's runtime and architecture, from wheels only. When null, `requirements.txt` in
      `source_dir`, if there is one.
    - `build_dir` (writable, outside `source_dir`): the directory for the zip; when null,
      `.terraform/idempotent-lambda` in the root module.
    - `python` (3.8 or newer): the program that packs, such as `python` on Windows.
    - `filename` (ends in `.zip`, exists when terraform plans the function): a zip that you built, with this
      module's `handler/idempotent_lambda` at its top.
    - `s3.bucket` (in the function's Region): where such a zip lies.
    - `s3.key` (of the zip): its name there.
    - `s3.object_version` (of that key): which version; without it a new zip under the same key is not
      noticed.
    - `s3.source_code_hash` (SHA-256 of the zip in base64, 44 characters): the hash of that zip. With it, the
      module notices a failed deployment.
    - `image.uri` (in ECR, in the function's Region): a container image that has an AWS base image for Python,
      your modules and the package `idempotent_lambda`.
  EOT
  default     = null

  type = object({
    build_dir    = optional(string)
    exclude      = optional(list(string), ["/tests", "/venv", "*.egg-info", "/htmlcov", "/coverage.xml", "*~", "*.swp", "*.bak", "*.orig", "*.iml", "Thumbs.db", "desktop.ini"])
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
    condition     = var.code == null ? true : length([for source in [var.code.source_dir, var.code.filename, var.code.s3, var.code.image] : source if source != null]) == 1
    error_message = "code names ${try(length([for source in [var.code.source_dir, var.code.filename, var.code.s3, var.code.image] : source if source != null]), 0)} sources; it takes exactly one. Set source_dir to pack a directory, filename or s3 to use a zip of your own, or image."
  }

  validation {
    condition     = !can(regex("[\\[\\]{}*?]", var.code.source_dir))
    error_message = "code.source_dir = \"${try(coalesce(var.code.source_dir), "null")}\" has one of []{}*?, and Terraform would take it for a pattern of many paths. Rename the directory."
  }

  validation {
    condition     = endswith(try(coalesce(var.code.filename), ".zip"), ".zip")
    error_message = "code.filename = \"${try(coalesce(var.code.filename), "null")}\" does not end in .zip. Give the zip that holds your modules and the package idempotent_lambda, or set code.source_dir to have a directory packed."
  }

  validation {
    condition     = var.code == null ? true : alltrue([for glob in var.code.exclude : trimspace(glob) == glob && glob != "./" && can(regex("^[^\\[\\](){}|^$+\\\\!]*[^\\[\\](){}|^$+\\\\!/][^\\[\\](){}|^$+\\\\!]*$", glob))])
    error_message = "code.exclude has ${jsonencode([for glob in try(var.code.exclude, []) : glob if trimspace(glob) != glob || glob == "./" || !can(regex("^[^\\[\\](){}|^$+\\\\!]*[^\\[\\](){}|^$+\\\\!/][^\\[\\](){}|^$+\\\\!]*$", glob))])}; a pattern is a name or path with *, ** and ?, without brackets, other signs of regular expressions, or spaces at its ends. Use ? for such a sign."
  }

  validation {
    condition     = length(compact([try(var.code.build_dir == "", false) ? "build_dir" : "", try(coalesce(var.code.image.uri, "empty") == "empty", false) ? "image.uri" : "", try(var.code.python == "", false) ? "python" : "", try(var.code.requirements == "", false) ? "requirements" : ""])) == 0
    error_message = "code has an empty ${join(", ", compact([try(var.code.build_dir == "", false) ? "build_dir" : "", try(coalesce(var.code.image.uri, "empty") == "empty", false) ? "image.uri" : "", try(var.code.python == "", false) ? "python" : "", try(var.code.requirements == "", false) ? "requirements" : ""]))}. Give it a value, or leave it out."
  }

  validation {
    condition     = var.code == null ? true : var.code.source_dir != null || var.code.requirements == null && var.code.build_dir == null
    error_message = "code.requirements or code.build_dir is set without code.source_dir, and nothing is built then. Remove it, or set code.source_dir."
  }

  validation {
    condition     = try(coalesce(var.code.s3.source_code_hash), null) == null ? true : can(regex(local.sha256, var.code.s3.source_code_hash))
    error_message = "code.s3.source_code_hash = \"${try(coalesce(var.code.s3.source_code_hash), "null")}\" is not a SHA-256 in base64. Use filebase64sha256() of the zip."
  }
}
