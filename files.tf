# The files to deploy, from code.source_dir and from the package idempotent_lambda. package.tf packs them.

locals {
  # 1. The kind of code. Terraform knows at plan whether an object or a path is null, even while a value in it is
  # unknown. If it knew the kind only later, it would replace the function.
  builds_package = nonsensitive(var.code == null ? false : var.code.source_dir != null)
  uses_s3        = nonsensitive(var.code == null ? false : var.code.s3 != null)
  image          = nonsensitive(var.code == null ? false : var.code.image != null)

  # 2. The files in source_dir that are not deployed, as one regular expression: hidden and compiled files, then
  # code.exclude. A pattern with a slash inside starts at source_dir; any other pattern matches a name at any depth.
  # scripts/pack.py gets the expression from here.
  hidden_pattern = "(^|/)(\\.|__pycache__/)|\\.pyc$"
  exclude_globs = [
    for glob in local.builds_package ? var.code.exclude : [] :
    startswith(glob, "./") ? trimprefix(glob, ".") : glob
  ]
  exclude_pattern = join("|", concat([local.hidden_pattern], [
    for glob in local.exclude_globs : join("", [
      strcontains(trimsuffix(glob, "/"), "/") ? "^" : "(^|/)",
      # A repetition is {0,} instead of *, because a later step replaces each * of the pattern.
      replace(replace(replace(replace(replace(
        trim(glob, "/"),
        ".", "\\."),
        "**/", "(|.{0,}/)"),
        "**", ".{0,}"),
        "*", "[^/]{0,}"),
        "?", "[^/]"
      ),
      "(/|$)",
    ])
  ]))

  # 3. The files to deploy, by their names in the zip. scripts/pack.py lists them by the same rule, and stops if its
  # hash is not files_hash. The second fileset() skips hidden directories at the top, such as .git and .terraform,
  # because they can be large. fileset("") would list the working directory, so without source_dir it gets "-".
  source_dir = local.builds_package ? coalesce(var.code.source_dir, "-") : "-"
  source_files = [
    for file in setunion(fileset(local.source_dir, "*"), fileset(local.source_dir, "[^.]*/**")) : file
    if !can(regex(local.exclude_pattern, file))
  ]
  python_files = [for file in local.source_files : file if endswith(file, ".py")]
  package_dir  = "${path.module}/handler"
  package_files = [
    for file in fileset(local.package_dir, "idempotent_lambda/**") : file
    if !can(regex(local.hidden_pattern, file))
  ]
  deployed_files = merge(
    { for file in local.package_files : file => "${local.package_dir}/${file}" },
    { for file in local.source_files : file => "${local.source_dir}/${file}" },
  )

  # 4. Their hash, which Terraform knows at plan without a build. Text is hashed with LF, so that a checkout with CRLF
  # plans no change. file() fails for other files, which are hashed as they are.
  file_hashes = {
    for name, file in local.deployed_files :
    name => try(sha256(replace(file(file), "\r\n", "\n")), filesha256(file), "")
  }
  files_hash       = sha256(join("\n", [for name, hash in local.file_hashes : "${name} ${hash}"]))
  unreadable_files = [for name, hash in local.file_hashes : name if hash == ""]

  # 5. The file of the packages to install.
  default_requirements = "${local.source_dir}/requirements.txt"
  found_requirements   = fileexists(local.default_requirements) ? local.default_requirements : null
  requirements = !local.builds_package ? null : (
    var.code.requirements != null ? var.code.requirements : local.found_requirements
  )

  # 6. Files that list packages but are not the file to install, with the command that makes requirements.txt of each.
  uv_options = "--universal --python-version 3.11 --generate-hashes -o requirements.txt"
  lock_commands = {
    "Pipfile"         = "pipenv lock && pipenv requirements --hash > requirements.txt"
    "Pipfile.lock"    = "pipenv requirements --hash > requirements.txt"
    "pdm.lock"        = "pdm export --prod -o requirements.txt"
    "poetry.lock"     = "poetry export -o requirements.txt"
    "pyproject.toml"  = "uv pip compile pyproject.toml ${local.uv_options}"
    "requirements.in" = "uv pip compile requirements.in ${local.uv_options}"
    "uv.lock"         = "uv export --no-dev --no-emit-project -o requirements.txt"
  }
  # Most of these tools also keep their settings in pyproject.toml, so it counts only if it lists packages.
  pyproject = try(file("${local.source_dir}/pyproject.toml"), "")
  declares_packages = can(regex(
    "(?m)^dependencies\\s*=\\s*\\[\\s*[\"']|^\\[tool\\.poetry\\.dependencies\\]",
    local.pyproject,
  ))
  unread_locks = local.requirements != null ? [] : [
    for file in local.source_files : file
    if contains(keys(local.lock_commands), file) && (file != "pyproject.toml" || local.declares_packages) ||
    can(regex("^requirements[-_/][^/]+\\.txt$", file))
  ]
  unread_lock         = try(local.unread_locks[0], "")
  unread_lock_command = lookup(local.lock_commands, local.unread_lock, "")
  unread_lock_remedy = (
    local.unread_lock_command == ""
    ? "Set code.requirements to the file of the packages to install"
    : "Build one there with `${local.unread_lock_command}`"
  )

  # 7. Files that only Terraform reads. They can hold secrets.
  terraform_pattern = "\\.(tf|tofu|tfvars)(\\.json)?$|\\.tfstate(\\.|$)|(^|/|\\.)tfplan$"
  terraform_files   = [for file in local.source_files : file if can(regex(local.terraform_pattern, file))]

  # 8. The functions that inputs name, the files that can hold their modules, and the files of source_dir that do. The
  # name of an extension module has its platform before the end.
  own_handler = var.function.handler == local.builtin_handler ? null : var.function.handler
  named_functions = {
    for input, name in {
      "processor"        = var.processor
      "function.handler" = local.own_handler
      "function.wrapper" = var.function.wrapper
      } : input => {
      name     = name
      function = reverse(split(".", name))[0]
      module   = replace(try(regex("^(.*)[.]", name)[0], ""), ".", "/")
    } if local.builds_package && nonsensitive(name != null)
  }
  module_files = {
    for input, named in local.named_functions : input => ["${named.module}.py", "${named.module}/__init__.py"]
  }
  processor_files = try(local.module_files["processor"], [])
  wrapper_files   = try(local.module_files["function.wrapper"], [])
  named_files = {
    for input, named in local.named_functions : input => [
      for file in local.source_files : file
      if contains(local.module_files[input], file) ||
      startswith(file, "${named.module}.") && endswith(file, ".so")
    ]
  }

  # 9. The code in these files, without texts and comments. A file that Terraform cannot read may define every name.
  python_texts = join("|", [
    "\"\"\"(?:\\\\.|[^\\\\])*?\"\"\"",
    "'''(?:\\\\.|[^\\\\])*?'''",
    "\"(?:\\\\.|[^\"\\\\\\n])*\"",
    "'(?:\\\\.|[^'\\\\\\n])*'",
    "#[^\\n]*",
  ])
  read_code = {
    for input, files in local.named_files : input => replace(
      join("\n", [for file in files : try(file("${local.source_dir}/${file}"), "exec")]),
      "/\\r\\n?/", "\n",
    )
  }
  plain_code = { for input, code in local.read_code : input => replace(code, "/(?s)${local.python_texts}/", " ") }

  # Since Python 3.12, the braces of an f-string may hold the quotes that it has itself. The expressions above end the
  # f-string there. So a text has half a pair of braces, or a quote is left over, and then everything counts as code.
  named_code = {
    for input, code in local.read_code : input => anytrue(concat(
      [strcontains(local.plain_code[input], "\""), strcontains(local.plain_code[input], "'")],
      [for text in regexall("(?s)${local.python_texts}", code) : length(split("{", text)) != length(split("}", text))],
    )) ? code : local.plain_code[input]
  }

  # 10. A name that is not a word of the code is not defined there, unless the code can define the name in a text.
  dynamic_definitions = join("|", [
    "\\bimport[\\s\\\\]*\\*",
    "\\b(__dict__|__getattr__|__globals__|__setattr__|eval|exec|f_globals|globals|locals|modules|setattr|vars)\\b",
  ])
  undefined_functions = [
    for input, named in local.named_functions : input
    if nonsensitive(
      length(local.named_files[input]) > 0 &&
      !can(regex("\\b${named.function}\\b|${local.dynamic_definitions}", local.named_code[input]))
    )
  ]

  # 11. The modules at the top of source_dir that have the name of a module which boto3 or the package imports. Python
  # would import yours instead.
  top_modules = [
    for file in local.python_files : trimsuffix(trimsuffix(file, ".py"), "/__init__")
    if !strcontains(trimsuffix(file, "/__init__.py"), "/")
  ]
  shadowing_modules = sort(setintersection(local.top_modules, local.imported_modules))

  # The names that boto3 and the package import; a test compares them.
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
}
