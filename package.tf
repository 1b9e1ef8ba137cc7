# From source_dir to what runs: the files to deploy, the zip, and the proof that the function runs it.

locals {
  # 1. What kind of code there is. Whether an object or a path is null is known while terraform plans, whatever
  # is unknown in it; a kind that became known later would replace the function.
  builds_package = var.code == null ? false : var.code.source_dir != null
  uses_s3        = var.code == null ? false : var.code.s3 != null
  image          = var.code == null ? false : var.code.image != null

  # 2. What is left out, as one regular expression that scripts/pack.py gets from here: first the fixed rule,
  # then code.exclude. A pattern with a slash inside starts at source_dir; any other matches a name at any depth.
  hidden_pattern = "(^|/)(\\.|__pycache__/)|\\.pyc$"
  exclude_globs  = [for glob in local.builds_package ? var.code.exclude : [] : startswith(glob, "./") ? trimprefix(glob, ".") : glob]
  exclude_pattern = join("|", concat([local.hidden_pattern], [
    for glob in local.exclude_globs : join("", [
      strcontains(trimsuffix(glob, "/"), "/") ? "^" : "(^|/)",
      # Repetitions are written {0,} here, so that the next step does not take them for a star of the pattern.
      replace(replace(replace(replace(replace(trim(glob, "/"), ".", "\\."), "**/", "(|.{0,}/)"), "**", ".{0,}"), "*", "[^/]{0,}"), "?", "[^/]"),
      "(/|$)",
    ])
  ]))

  # 3. The files to deploy, by their name in the zip. The packer lists by the same rule, and stops when its
  # hash differs from ours. A hidden directory at the top (.git, .terraform, .venv) is not even walked.
  source_dir     = local.builds_package ? coalesce(var.code.source_dir, "-") : "-" # fileset("") would list the working directory
  source_files   = [for file in setunion(fileset(local.source_dir, "*"), fileset(local.source_dir, "[^.]*/**")) : file if !can(regex(local.exclude_pattern, file))]
  python_files   = [for file in local.source_files : file if endswith(file, ".py")]
  package_dir    = "${path.module}/handler"
  package_files  = [for file in fileset(local.package_dir, "idempotent_lambda/**") : file if !can(regex(local.hidden_pattern, file))]
  deployed_files = merge({ for file in local.package_files : file => "${local.package_dir}/${file}" }, { for file in local.source_files : file => "${local.source_dir}/${file}" })
  requirements   = !local.builds_package ? null : var.code.requirements != null ? var.code.requirements : fileexists("${local.source_dir}/requirements.txt") ? "${local.source_dir}/requirements.txt" : null

  # 4. Their hash, known at plan without building anything. Text is hashed with LF, so that a checkout
  # with CRLF plans no change. A file that is not text fails file() and is hashed as it is.
  file_hashes      = { for name, file in local.deployed_files : name => try(sha256(replace(file(file), "\r\n", "\n")), filesha256(file), "") }
  files_hash       = sha256(join("\n", [for name, hash in local.file_hashes : "${name} ${hash}"]))
  unreadable_files = [for name, hash in local.file_hashes : name if hash == ""]

  # 5. The hash of all that decides what is in the zip: one hash never means two zips.
  packers      = [for file in ["pack.py", "wheels.py"] : sha256(replace(file("${path.module}/scripts/${file}"), "\r\n", "\n"))]
  dependencies = local.requirements == null ? null : [try(sha256(replace(file(local.requirements), "\r\n", "\n")), filesha256(local.requirements), null), var.function.runtime, var.function.architecture]
  package_hash = sha256(jsonencode([local.files_hash, local.packers, local.dependencies]))

  # 6. The zip. Its directory is this function's alone: the packer removes what it left there before. Its name
  # holds the hash, so that a fresh clone, which has no zip, plans no change; and it says what to do when the
  # provider needs the zip and this machine has none, because only the name is in the provider's message.
  python    = var.code == null ? "python3" : var.code.python
  build_dir = local.builds_package ? coalesce(var.code.build_dir, "${path.root}/.terraform/idempotent-lambda") : ""
  zip_name  = "${substr(local.package_hash, 0, 16)}.if-missing.terraform-apply.-replace=module.NAME.terraform_data.package[0].zip"
  zip       = "${local.build_dir}/${local.arn_parts.account}-${local.arn_parts.region}-${local.function_name}/${local.zip_name}"
  filename  = local.builds_package ? local.zip : try(var.code.filename, null)

  # 7. The files that could hold the module of the processor, and of the wrapper.
  processor_module = replace(try(regex("^(.*)[.]", var.processor)[0], ""), ".", "/")
  processor_files  = local.processor_module == "" ? [] : ["${local.processor_module}.py", "${local.processor_module}/__init__.py"]
  wrapper_module   = replace(try(regex("^(.*)[.]", var.function.wrapper)[0], ""), ".", "/")
  wrapper_files    = local.wrapper_module == "" ? [] : ["${local.wrapper_module}.py", "${local.wrapper_module}/__init__.py"]

  # 8. The modules at the top of the zip. Python finds them before its own modules and before the SDK.
  top_modules = [
    for file in local.python_files : trimsuffix(trimsuffix(file, ".py"), "/__init__")
    if !strcontains(trimsuffix(file, "/__init__.py"), "/")
  ]
  shadowing_modules = sort(setintersection(local.top_modules, local.imported_modules))

  # The names that boto3 and the package import (a test compares them). Python would import the user's module of
  # such a name instead.
  sdk_modules = ["boto3", "botocore", "dateutil", "jmespath", "s3transfer", "six", "urllib3"]
  imported_modules = [
    "abc", "array", "ast", "atexit", "base64", "binascii", "bisect", "boto3", "botocore", "builtins", "bz2",
    "calendar", "codecs", "collections", "concurrent", "configparser", "contextlib", "contextvars", "copy", "copyreg",
    "csv", "dataclasses", "datetime", "dateutil", "decimal", "dis", "email", "encodings", "enum", "errno", "fcntl",
    "fnmatch", "functools", "genericpath", "getpass", "glob", "grp", "gzip", "hashlib", "heapq", "hmac", "html",
    "http", "importlib", "inspect", "io", "ipaddress", "itertools", "jmespath", "json", "keyword", "linecache",
    "locale", "logging", "lzma", "marshal", "math", "mimetypes", "mmap", "multiprocessing", "ntpath", "numbers",
    "opcode", "operator", "os", "pathlib", "pickle", "pkgutil", "platform", "posix", "posixpath", "pwd", "pyexpat",
    "queue", "quopri", "random", "re", "reprlib", "runpy", "s3transfer", "secrets", "select", "selectors", "shlex",
    "shutil", "signal", "site", "six", "socket", "ssl", "stat", "string", "stringprep", "struct", "subprocess", "sys",
    "tempfile", "termios", "textwrap", "threading", "time", "token", "tokenize", "traceback", "types", "typing",
    "unicodedata", "urllib", "urllib3", "uuid", "warnings", "weakref", "xml", "zipfile", "zipimport", "zlib",
  ]

  # 9. Files that only Terraform reads, often with secrets; and what declares dependencies without being the
  # lock that is installed, with the command that makes one of it.
  terraform_files = [for file in local.source_files : file if can(regex("\\.(tf|tofu|tfvars)(\\.json)?$|\\.tfstate(\\.|$)|(^|/|\\.)tfplan$", file))]
  lock_commands = {
    "Pipfile"         = "pipenv lock && pipenv requirements --hash > requirements.txt"
    "Pipfile.lock"    = "pipenv requirements --hash > requirements.txt"
    "pdm.lock"        = "pdm export --prod -o requirements.txt"
    "poetry.lock"     = "poetry export -o requirements.txt"
    "pyproject.toml"  = "uv pip compile pyproject.toml --universal --python-version 3.11 --generate-hashes -o requirements.txt"
    "requirements.in" = "uv pip compile requirements.in --universal --python-version 3.11 --generate-hashes -o requirements.txt"
    "uv.lock"         = "uv export --no-dev --no-emit-project -o requirements.txt"
  }
  # Most of the tools keep their own settings in pyproject.toml, too.
  declares_packages = can(regex("(?m)^dependencies\\s*=\\s*\\[\\s*[\"']|^\\[tool\\.poetry\\.dependencies\\]", try(file("${local.source_dir}/pyproject.toml"), "")))
  unread_locks = local.requirements != null ? [] : [
    for file in local.source_files : file
    if contains(keys(local.lock_commands), file) && (file != "pyproject.toml" || local.declares_packages) || can(regex("^requirements[-_/][^/]+\\.txt$", file))
  ]
  unread_lock         = try(local.unread_locks[0], "")
  unread_lock_command = lookup(local.lock_commands, local.unread_lock, "")
}

# Replaced, and so run again, when anything changes that decides what is in the zip, or that makes the provider
# send the zip: name and architecture. This machine may not have it.
resource "terraform_data" "package" {
  count = local.builds_package ? 1 : 0

  # Read as the output, which is unknown until the zip is there.
  input            = local.zip
  triggers_replace = [local.package_hash, local.zip, var.function.architecture]

  # Python runs the packer itself: there may be no shell. The command is what people see when it fails.
  provisioner "local-exec" {
    interpreter = [local.python, "-I", "${path.module}/scripts/pack.py"]
    quiet       = true
    command     = "pack code.source_dir with ${local.python} (Python 3.8 or newer on the machine that applies; code.python names another, code.filename takes a zip that is built elsewhere)"

    environment = {
      PACK = jsonencode({
        source_dir       = local.source_dir
        package_dir      = local.package_dir
        zip              = local.zip
        exclude          = local.exclude_pattern
        files_hash       = local.files_hash
        requirements     = local.requirements
        runtime          = var.function.runtime
        architecture     = var.function.architecture
        processor_files  = local.processor_files
        reserved_modules = sort(setsubtract(local.imported_modules, local.sdk_modules))
      })

      # Nobody reads it. With it, packing waits for all that the function's settings wait for.
      SETTINGS = join(" ", keys(local.environment))
    }
  }

  # Last before the function: whatever fails earlier leaves the zip to be built by the next apply, which may
  # run on another machine.
  depends_on = [aws_cloudwatch_log_group.function, aws_iam_role_policy.function, aws_iam_role_policy.processor]

  lifecycle {
    precondition {
      condition = length(local.python_files) > 0 || local.requirements != null
      error_message = join(" ", [
        "code.source_dir = \"${var.code.source_dir}\" holds no .py file; at least one is needed. Check that it is a",
        "directory and exists: a relative path starts where terraform runs, so write \"$${path.module}/...\".",
      ])
    }

    precondition {
      condition = length(local.unreadable_files) == 0
      error_message = join(" ", [
        "code.source_dir = \"${var.code.source_dir}\" holds ${try(local.unreadable_files[0], "")}, which Terraform",
        "cannot read. Check its permissions. If they are right, rename it so that its name is in Unicode's form NFC;",
        "if it changed after the plan, plan again.",
      ])
    }

    precondition {
      condition = !startswith("${abspath(local.build_dir)}/", "${abspath(local.source_dir)}/") || var.code.build_dir == null
      error_message = join(" ", [
        "code.build_dir = \"${coalesce(var.code.build_dir, "null")}\" lies in code.source_dir =",
        "\"${var.code.source_dir}\", and it must lie outside. Set another directory.",
      ])
    }

    precondition {
      condition = length(local.terraform_files) == 0
      error_message = join(" ", [
        "code.source_dir = \"${var.code.source_dir}\" holds ${try(local.terraform_files[0], "")}, and Terraform files",
        "can hold secrets: everything there is deployed. Give your code a separate directory, such as",
        "\"$${path.module}/src\".",
      ])
    }

    precondition {
      condition = length(local.unread_locks) == 0
      error_message = join(" ", [
        "code.source_dir = \"${var.code.source_dir}\" holds ${local.unread_lock} but no requirements.txt, and only",
        "that is installed.",
        "${local.unread_lock_command == "" ? "Set code.requirements to the file of the packages to install" : "Build one there with `${local.unread_lock_command}`"};",
        "if your code needs no packages, set code.exclude =",
        "${jsonencode(concat(local.exclude_globs, [local.unread_lock]))}.",
      ])
    }

    precondition {
      condition = local.requirements == null ? true : fileexists(local.requirements)
      error_message = join(" ", [
        "code.requirements = \"${coalesce(local.requirements, "null")}\" does not exist. Check the path: a relative",
        "one starts where terraform runs, so write \"$${path.module}/...\".",
      ])
    }

    precondition {
      condition = !anytrue([for file in local.source_files : split("/", trimsuffix(file, ".py"))[0] == "idempotent_lambda"])
      error_message = join(" ", [
        "code.source_dir = \"${var.code.source_dir}\" holds its own module idempotent_lambda, which would hide the",
        "deployed package. Remove or rename it; the package is added for you.",
      ])
    }

    precondition {
      condition = length(local.shadowing_modules) == 0
      error_message = join(" ", [
        "code.source_dir = \"${var.code.source_dir}\" holds modules that hide modules which boto3 or idempotent_lambda",
        "imports: ${join(", ", local.shadowing_modules)}. Rename them, or move them into a package.",
      ])
    }

    precondition {
      condition = local.requirements != null || length(var.function.layers) > 0 || length(local.wrapper_files) == 0 || length(setintersection(local.wrapper_files, local.python_files)) > 0
      error_message = join(" ", [
        "function.wrapper = \"${coalesce(var.function.wrapper, "null")}\" names a module that the function would not",
        "have: there is no layer, no requirements.txt, and no ${join(" or ", local.wrapper_files)} in code.source_dir.",
        "Name the layer of the monitoring service in function.layers, or correct the name.",
      ])
    }

    precondition {
      condition = local.requirements != null || length(local.python_files) == 0 || length(local.processor_files) == 0 || length(setintersection(local.processor_files, local.python_files)) > 0
      error_message = join(" ", [
        "processor = \"${coalesce(var.processor, "null")}\" names a module that code.source_dir =",
        "\"${var.code.source_dir}\" does not hold: there is no ${join(" or ", local.processor_files)}. Correct the",
        "name, or add the file.",
      ])
    }
  }
}

# The SHA-256 of the code that the function has to run, in base64, as Lambda says it; null where nobody here can
# know it. Its id is what has the provider send the code: when that call fails, the provider keeps the hash
# that was planned, so a hash of the code would plan no further change, with the old code running
# (https://github.com/hashicorp/terraform-provider-aws/issues/42826). checks.tf compares.
resource "terraform_data" "code" {
  count = var.code == null || local.image ? 0 : 1

  # A zip that another machine built cannot be hashed here: that is no reason to compare nothing.
  input            = local.uses_s3 ? var.code.s3.source_code_hash : try(filebase64sha256(local.builds_package ? terraform_data.package[0].output : var.code.filename), "unknown, because this machine has no zip")
  triggers_replace = local.builds_package ? terraform_data.package[0].id : local.uses_s3 ? jsonencode(var.code.s3) : try(filebase64sha256(var.code.filename), null)

  # Only when it is replaced: another machine does not have the zip.
  lifecycle {
    ignore_changes = [input]
  }
}
