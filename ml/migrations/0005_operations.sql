-- One row for each task of a run of the platform's DAGs; a task tried again replaces its row.
CREATE TABLE ml.task_runs (
    use_case        text,              -- null where the DAG is of no use case
    dag_id          text NOT NULL,
    run_id          text NOT NULL,
    task_id         text NOT NULL,
    map_index       integer NOT NULL DEFAULT -1,
    try_number      integer NOT NULL,
    state           text NOT NULL CHECK (state IN ('running', 'success', 'failed', 'up_for_retry', 'skipped')),
    error           text,              -- first line of what it failed with
    run_after       timestamptz NOT NULL,  -- when the run was due
    started_at      timestamptz,
    ended_at        timestamptz,
    PRIMARY KEY (dag_id, run_id, task_id, map_index)
);
CREATE INDEX task_runs_time ON ml.task_runs (dag_id, run_after DESC);

-- What one process of serving answered in one hour, by endpoint and version; written again each minute.
CREATE TABLE ml.serving_traffic (
    hour            timestamptz NOT NULL,
    process         uuid NOT NULL,
    use_case        text NOT NULL,     -- '' where no version has served yet
    model_version   text NOT NULL,     -- '' where none served
    endpoint        text NOT NULL,
    requests        bigint NOT NULL,
    client_errors   bigint NOT NULL,   -- answers 400 to 499
    server_errors   bigint NOT NULL,   -- answers 500 to 599
    latency_counts  bigint[] NOT NULL, -- how many took up to each of ml.traffic.LATENCY_LIMITS, the last: longer
    PRIMARY KEY (hour, process, endpoint, model_version)
);
CREATE INDEX serving_traffic_use_case ON ml.serving_traffic (use_case, hour);
