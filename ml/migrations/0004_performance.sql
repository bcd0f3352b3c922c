-- Figures of live performance: of one version, in one window, of all rows (slice_column '') or of one slice.
-- A window measured again replaces its figures.
CREATE TABLE ml.performance (
    use_case        text NOT NULL,
    model_name      text NOT NULL,
    model_version   text NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    kind            text NOT NULL CHECK (kind IN ('realised', 'estimated')),
    slice_column    text NOT NULL DEFAULT '',
    slice           text NOT NULL DEFAULT '',
    metric          text NOT NULL,
    value           double precision NOT NULL,
    low             double precision,  -- the 95 % interval; null where the rows give none
    high            double precision,
    n_rows          bigint NOT NULL,
    n_positives     bigint,            -- null where labels are not looked at
    at              timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (use_case, model_name, model_version, window_start, window_end, kind, slice_column, slice, metric)
);

-- One row for each verdict on a window; a check repeated replaces its row, whose retraining it keeps.
CREATE TABLE ml.performance_checks (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    use_case        text NOT NULL,
    model_name      text NOT NULL,
    model_version   text NOT NULL,
    window_start    timestamptz NOT NULL,
    window_end      timestamptz NOT NULL,
    n_rows          bigint NOT NULL,
    state           text NOT NULL CHECK (state IN ('ok', 'fell', 'insufficient_data')),
    metric          text NOT NULL,
    reference       double precision NOT NULL,
    value           double precision,
    low             double precision,
    high            double precision,
    moment          timestamptz NOT NULL,  -- that the check stands for: the end of its run's day
    retraining      text,
    at              timestamptz NOT NULL DEFAULT now(),
    UNIQUE (use_case, model_name, model_version, window_start, window_end)
);

-- Every retraining that was started, whoever asked for it: the cooldown counts them together.
CREATE VIEW ml.retrainings AS
    SELECT 'drift' AS asked_by, id AS asked_id, use_case, model_name, window_end AS moment, retraining AS run_id
    FROM ml.drift_reports WHERE retraining IS NOT NULL
    UNION ALL
    SELECT 'outcomes', id, use_case, model_name, moment, retraining
    FROM ml.performance_checks WHERE retraining IS NOT NULL;
