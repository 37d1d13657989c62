#!/bin/sh
# Checks what Terraform would make: format, types, tests against a made-up provider, an apply against
# a server that imitates AWS, and security rules. Uses the tools that are on the machine and says
# loudly what it could not check for want of one.
#
#   terraform             1.11 or later
#   TF_CLI_CONFIG_FILE    a configuration of Terraform's own, such as one that names a provider mirror
#   moto_server           pip install 'moto[server]'
#   checkov               pip install checkov
set -eu
cd "$(dirname "$0")"

has() { command -v "$1" >/dev/null 2>&1; }
missing() { printf '\n*** NOT CHECKED: %s ***\n\n' "$1" >&2; }

if ! has terraform; then
    missing 'everything under terraform/ (terraform is not on this machine)'
    exit 0
fi

export TF_IN_AUTOMATION=1 CHECKPOINT_DISABLE=1 TF_CLI_ARGS=-no-color
scratch=$(mktemp -d)
finish() {
    rm -rf "$scratch"
}
trap finish EXIT
trap 'exit 1' INT TERM

echo 'terraform fmt'
terraform fmt -check -recursive -diff

for module in ec2 eks; do
    [ -d "$module" ] || continue
    # A copy, so that checking leaves nothing behind.
    cp -r "$module" "$scratch/$module"
    rm -rf "$scratch/$module/.terraform"
    if ! terraform -chdir="$scratch/$module" init -backend=false -input=false >"$scratch/init.log" 2>&1; then
        missing "terraform/$module (its provider cannot be had: $(grep -m 1 Error "$scratch/init.log" || true))"
        continue
    fi
    echo "terraform validate: $module"
    terraform -chdir="$scratch/$module" validate
    echo "terraform test: $module"
    terraform -chdir="$scratch/$module" test
done

if [ ! -d "$scratch/ec2/.terraform" ]; then
    :
elif ! has moto_server || ! has python3; then
    missing 'an apply of terraform/ec2 (moto_server is not on this machine)'
else
    echo 'terraform apply: ec2, against an imitation of AWS'
    sh ./apply-to-imitation.sh "$scratch/ec2" "$scratch/moto.log"
fi

if has checkov; then
    echo 'checkov'
    checkov --directory . --skip-download --compact --quiet
else
    missing 'the security rules for terraform/ (checkov is not on this machine)'
fi
