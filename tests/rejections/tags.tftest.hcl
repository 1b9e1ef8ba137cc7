# Tags that AWS would refuse at apply.

mock_provider "aws" {
  source = "./tests/mocks"
}

variables {
  name      = "orders"
  code      = { source_dir = "examples/quickstart/src" }
  processor = "orders.process"
}

# says: tags has the keys ["aws:team"]; AWS takes 1 to 128 letters
run "a_tag_of_aws" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    tags = { "aws:team" = "payments" }
  }
}

# says: function.tags has the keys ["AWS:team"]; AWS takes 1 to 128 letters
run "a_tag_of_aws_in_upper_case" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    function = { tags = { "AWS:team" = "payments" } }
  }
}

# says: queue.tags has the keys [""]; AWS takes 1 to 128 letters
run "a_tag_without_a_key" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    queue = { tags = { "" = "payments" } }
  }
}

# says: table.tags has the keys ["kkkkk
run "a_key_of_129_characters" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    table = { tags = { (join("", [for number in range(129) : "k"])) = "" } }
  }
}

# says: logs.tags has the keys ["team*"]; AWS takes 1 to 128 letters, digits, spaces and _.:/=+-@ in a key
run "a_key_with_a_star" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    logs = { tags = { "team*" = "payments" } }
  }
}

# says: alarms.tags is {"note":"a;b"}; AWS takes up to 256 letters
run "a_value_with_a_semicolon" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    alarms = { tags = { note = "a;b" } }
  }
}

# says: tags is {"note":"vvvvv
run "a_value_of_257_characters" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    tags = { note = join("", [for number in range(257) : "v"]) }
  }
}

# says: tags is {"note":"50 %"}; AWS takes up to 256 letters, digits, spaces and _.:/=+-@ in a value.
run "a_tag_without_a_value" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    tags = { note = "50 %" }
  }
}

# says: tags, with the tags of a part, are too many: {"queue":51}; AWS takes 50 for a resource
run "fifty_one_tags" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    tags  = { for number in range(50) : "tag-${number}" => "x" }
    queue = { tags = { team = "payments" } }
  }
}

# says: tags and function.tags have the keys ["Team","team"]; in the keys of a role's tags, IAM does not distinguish
run "two_cases_of_a_key" {
  command         = plan
  expect_failures = [terraform_data.checks]

  variables {
    tags     = { team = "payments" }
    function = { tags = { Team = "orders" } }
  }
}
