CREATE SCHEMA IF NOT EXISTS ml;

-- One row for each attempt to load a file.
CREATE TABLE ml.ingest_ledger (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case         text NOT NULL,
    file_name        text NOT NULL,
    sha256           text NOT NULL,
    bytes            bigint NOT NULL,
    status           text NOT NULL CHECK (status IN ('loaded', 'duplicate', 'rejected', 'withdrawn')),
    reason           text,
    rows_read        bigint NOT NULL DEFAULT 0,
    rows_new         bigint NOT NULL DEFAULT 0,
    rows_repeated    bigint NOT NULL DEFAULT 0,
    run_id           text NOT NULL,
    at               timestamptz NOT NULL DEFAULT now(),
    validation       text CHECK (validation IN ('passed', 'failed')),
    rows_good        bigint,
    rows_quarantined bigint,
    report           text,
    validated_at     timestamptz
);
CREATE UNIQUE INDEX ingest_ledger_loaded_once ON ml.ingest_ledger (use_case, sha256) WHERE status = 'loaded';

-- One row for each champion that training registered.
CREATE TABLE ml.training_data (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case        text NOT NULL,
    model_name      text NOT NULL,
    model_version   text NOT NULL,
    run_id          text NOT NULL,
    metric_name     text NOT NULL,
    metric_value    double precision NOT NULL,
    n_train         bigint NOT NULL,
    n_test          bigint NOT NULL,
    n_features      integer NOT NULL,
    feature_stats   jsonb NOT NULL,
    metrics         jsonb NOT NULL,
    snapshot_id     text NOT NULL,
    timestamp       timestamptz NOT NULL DEFAULT now(),
    UNIQUE (model_name, model_version)
);

-- Partitioned by time: an inference id is a UUIDv7, whose first 48 bits are milliseconds,
-- so ranges of ids are ranges of time, and the id alone stays unique over all partitions.
CREATE TABLE ml.inference_logs (
    inference_id    uuid PRIMARY KEY,
    use_case        text NOT NULL,
    model_name      text NOT NULL,
    model_version   text NOT NULL,
    run_id          text NOT NULL,
    input           jsonb NOT NULL,
    prediction      smallint NOT NULL,
    probability     double precision NOT NULL,
    threshold       double precision,
    source          text NOT NULL CHECK (source IN ('online', 'batch')),
    row_key         text,
    warnings        jsonb,
    timestamp       timestamptz NOT NULL DEFAULT now(),
    -- Who gave it: production; the challenger, to a share of the traffic; or, beside the answer of production
    -- and never returned, the challenger as a shadow.
    role            text NOT NULL DEFAULT 'production' CHECK (role IN ('production', 'challenger', 'shadow')),
    shadow_of       uuid,              -- the inference that was answered
    milliseconds    double precision,  -- to read and predict one input; null for batches
    CONSTRAINT inference_logs_shadow CHECK ((role = 'shadow') = (shadow_of IS NOT NULL))
) PARTITION BY RANGE (inference_id);
CREATE TABLE ml.inference_logs_default PARTITION OF ml.inference_logs DEFAULT;
CREATE INDEX inference_logs_window ON ml.inference_logs (use_case, model_version, timestamp);
-- Costs nothing where there is no challenger.
CREATE INDEX inference_logs_challenger ON ml.inference_logs (model_name, model_version, timestamp)
    WHERE role <> 'production';

-- Labels that arrive after the prediction.
CREATE TABLE ml.outcomes (
    inference_id    uuid PRIMARY KEY,
    use_case        text NOT NULL,
    label           smallint NOT NULL,
    observed_at     timestamptz NOT NULL,
    received_at     timestamptz NOT NULL DEFAULT now()
);

-- One row for each check; a check repeated replaces its row.
CREATE TABLE ml.drift_reports (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case        text NOT NULL,
    model_name      text NOT NULL,
    model_version   text NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    n_rows          bigint NOT NULL,
    state           text NOT NULL CHECK (state IN ('ok', 'drift', 'insufficient_data')),
    columns         jsonb NOT NULL,
    predictions     jsonb NOT NULL,
    report          text NOT NULL,
    retraining      text,
    at              timestamptz NOT NULL DEFAULT now(),
    UNIQUE (use_case, model_name, model_version, window_start, window_end)
);

-- Append-only: who put which version where, and why.
CREATE TABLE ml.promotions (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    model_name      text NOT NULL,
    from_version    text,
    to_version      text NOT NULL,
    stage           text NOT NULL,
    outcome         text NOT NULL CHECK (outcome IN ('promoted', 'refused')),
    actor           text NOT NULL,
    source          text NOT NULL,
    why             text NOT NULL,
    gate            jsonb,
    at              timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION ml.refuse_change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'ml.promotions is append-only';
END $$;
CREATE TRIGGER promotions_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON ml.promotions
    FOR EACH STATEMENT EXECUTE FUNCTION ml.refuse_change();
