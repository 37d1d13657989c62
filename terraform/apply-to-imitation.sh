#!/bin/sh
# Applies a copy of terraform/ec2 to a moto_server of its own, looks at what was made, and plans
# again: nothing may be left to change.
#   apply-to-imitation.sh COPY LOG
set -eu
copy=$1
log=$2

port=$(python3 -c 'import socket; s = socket.socket(); s.bind(("127.0.0.1", 0)); print(s.getsockname()[1])')
MOTO_IAM_LOAD_MANAGED_POLICIES=true moto_server -H 127.0.0.1 -p "$port" >"$log" 2>&1 &
server=$!
trap 'kill "$server" 2>/dev/null || true' EXIT
trap 'exit 1' INT TERM

export AWS_ACCESS_KEY_ID=imitation AWS_SECRET_ACCESS_KEY=imitation AWS_REGION=eu-central-1
export AWS_ENDPOINT_URL="http://127.0.0.1:$port" AWS_EC2_METADATA_DISABLED=true

# The requests that put something where AWS has it already: an image, and its public name. Made with
# the server's own library, waiting until it listens.
python3 - "$port" <<'PYTHON'
import json, sys, time, urllib.error, urllib.request

base = f"http://127.0.0.1:{sys.argv[1]}"
deadline = time.monotonic() + 60
while True:
    try:
        urllib.request.urlopen(base + "/moto-api/", timeout=2)
        break
    except urllib.error.HTTPError:
        break
    except OSError:
        if time.monotonic() > deadline:
            raise
        time.sleep(0.1)

body = json.dumps({"Name": "/imitation/ami", "Type": "String", "Value": "ami-12c6146b"}).encode()
request = urllib.request.Request(base, data=body, headers={
    "X-Amz-Target": "AmazonSSM.PutParameter",
    "Content-Type": "application/x-amz-json-1.1",
    "Authorization": "AWS4-HMAC-SHA256 Credential=imitation/20260101/eu-central-1/ssm/aws4_request, "
                     "SignedHeaders=host, Signature=0",
})
urllib.request.urlopen(request, timeout=60).read()
PYTHON

# The imitation has neither a lifecycle manager nor monitoring by the minute: those are seen by the
# tests and checkov only.
rm "$copy/snapshots.tf"
cat >"$copy/imitation_override.tf" <<'HCL'
provider "aws" {
  s3_use_path_style = true
}
HCL
cat >"$copy/imitation.auto.tfvars" <<'HCL'
site              = "dossier.example.org"
owner_email       = "owner@example.org"
source_repository = "https://example.org/dossier.git"
source_ref        = "v1.0.0"
ami_parameter     = "/imitation/ami"
detailed_monitoring = false
archive           = true
backup_pruners    = ["arn:aws:iam::123456789012:root"]
HCL

timeout 240 terraform -chdir="$copy" apply -auto-approve -input=false >"$log.apply" 2>&1 || { cat "$log.apply"; exit 1; }
grep '^Apply complete' "$log.apply"
terraform -chdir="$copy" state list | wc -l | sed 's/$/ objects in the state/'

# A second plan shows whether what was made is what was asked for.
status=0
timeout 120 terraform -chdir="$copy" plan -detailed-exitcode -input=false >"$log.plan" 2>&1 || status=$?
case $status in
    0) echo 'A second plan changes nothing.' ;;
    *) cat "$log.plan"; exit 1 ;;
esac
