-- What the gate said of a version, against which one in production (null: none). Judged again, the row is replaced.
CREATE TABLE ml.gate_verdicts (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_name          text NOT NULL,
    model_version       text NOT NULL,
    production_version  text,
    passed              boolean NOT NULL,
    mode                text NOT NULL CHECK (mode IN ('manual', 'auto', 'dry_run')),
    verdict             jsonb NOT NULL,
    at                  timestamptz NOT NULL DEFAULT now(),
    UNIQUE NULLS NOT DISTINCT (model_name, model_version, production_version)
);
