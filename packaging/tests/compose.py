"""Checks the compose file: the specification's schema, and what every service has to keep.

    compose.py FILE SCHEMA

Exit code 1 with a line a finding. Files that others bring (secrets, monitoring) need not be there.
"""

import json
import pathlib
import sys

import jsonschema
import yaml


def check(compose, folder):
    for name, service in compose["services"].items():
        if "no-new-privileges:true" not in service.get("security_opt", []):
            yield f"{name}: may gain privileges"
        if service.get("privileged") or service.get("network_mode") == "host":
            yield f"{name}: is not kept apart from the machine"
        for variable in service.get("environment", {}):
            if "PASSWORD" in variable and not variable.rstrip("_").endswith("FILE"):
                yield f"{name}: {variable}: secrets come as files"
        for secret in service.get("secrets", []):
            source = secret if isinstance(secret, str) else secret["source"]
            if source not in compose["secrets"]:
                yield f"{name}: no secret {source}"
        for config in service.get("configs", []):
            if config["source"] not in compose["configs"]:
                yield f"{name}: no configuration {config['source']}"
        for network in service.get("networks", []):
            if network not in compose["networks"]:
                yield f"{name}: no network {network}"
        for other in service.get("depends_on", {}):
            if other not in compose["services"]:
                yield f"{name}: waits for {other}, which is no service"
    for name, config in compose["configs"].items():
        if not (folder / config["file"]).exists():
            yield f"configuration {name}: {config['file']} is not there"


def backup_findings(compose, folder):
    """What keeps a site from being backed up and brought back."""
    for name in ("backup", "restore"):
        service = compose["services"].get(name, {})
        if service.get("profiles") != ["backup"]:
            yield f"{name}: is no service that only who asks for it starts"
        mounted = {volume.split(":")[0] for volume in service.get("volumes", [])}
        if not {"collector", "backup"} <= mounted:
            yield f"{name}: lacks the collector's data or a place for backups"
    words = " ".join(compose["services"].get("backup", {}).get("command", []))
    if "--database-url-file /run/secrets/backup-url" not in words:
        yield "backup: goes by a role that sees no company's rows"
    asked = compose["services"]["postgres"]["healthcheck"]["test"]
    if not any(word.startswith("--host=") and not word.startswith("--host=/") for word in asked):
        yield "postgres: is healthy by its socket, which the server of its first start answers too before it ends again"
    made = (folder / "init.sh").read_text(encoding="utf-8")
    for name, secret in compose["secrets"].items():
        if f" {pathlib.Path(secret['file']).name}" not in made:
            yield f"secret {name}: init.sh does not make {secret['file']}"


def main(file, schema):
    path = pathlib.Path(file)
    compose = yaml.safe_load(path.read_text(encoding="utf-8"))
    findings = [*check(compose, path.parent), *backup_findings(compose, path.parent)]
    # The schema is of 2021, and the name of a project came into the specification after it.
    compose.pop("name")
    specification = json.loads(pathlib.Path(schema).read_text(encoding="utf-8"))
    for error in jsonschema.Draft7Validator(specification).iter_errors(compose):
        findings.append(f"{'.'.join(str(part) for part in error.path)}: {error.message}")
    for finding in findings:
        print(f"{path}: {finding}", file=sys.stderr)
    print(f"deploy: {path}: {len(compose['services'])} services")
    return 1 if findings else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
