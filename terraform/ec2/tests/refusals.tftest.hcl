# What is refused before anything is made.

mock_provider "aws" {
  source          = "./tests/mocks"
  override_during = plan
}

variables {
  site              = "dossier.example.org"
  owner_email       = "owner@example.org"
  source_repository = "https://example.org/dossier.git"
  source_ref        = "v1.0.0"
}

run "a_site_with_a_scheme_is_refused" {
  command = plan
  variables {
    site = "https://dossier.example.org"
  }
  expect_failures = [var.site]
}

run "an_owner_without_an_address_is_refused" {
  command = plan
  variables {
    owner_email = "owner"
  }
  expect_failures = [var.owner_email]
}

run "a_repository_that_needs_a_key_is_refused" {
  command = plan
  variables {
    source_repository = "git@example.org:dossier.git"
  }
  expect_failures = [var.source_repository]
}

run "a_reference_with_a_shell_in_it_is_refused" {
  command = plan
  variables {
    source_ref = "v1; reboot"
  }
  expect_failures = [var.source_ref]
}

run "a_small_data_volume_is_refused" {
  command = plan
  variables {
    data_volume_gib = 5
  }
  expect_failures = [var.data_volume_gib]
}

run "a_lock_shorter_than_the_retention_is_refused" {
  command = plan
  variables {
    backup_lock_days = 3
  }
  expect_failures = [var.backup_lock_days]
}
