-- Which rows a version was trained on, and was judged by: of each file the lines. By version and not by snapshot,
-- since equal rows that came in other files are the same snapshot. Trainings of before have none.
CREATE TABLE ml.training_files (
    model_name      text NOT NULL,
    model_version   text NOT NULL,
    file_id         bigint NOT NULL REFERENCES ml.ingest_ledger,
    rows            bigint NOT NULL,
    lines           int8multirange NOT NULL,  -- exactly these; a row that went to quarantine leaves a gap
    first_event     date,                     -- null where the contract has no event time
    last_event      date,
    PRIMARY KEY (model_name, model_version, file_id)
);
-- Where a row stood when it was predicted in a batch of features; null online, and in batches from files.
ALTER TABLE ml.inference_logs
    ADD COLUMN file_id bigint,
    ADD COLUMN line bigint;
