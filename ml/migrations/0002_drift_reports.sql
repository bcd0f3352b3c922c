-- What the model answered in the window, beside what it was asked; and two models of one use case may both be checked.
ALTER TABLE ml.drift_reports ADD COLUMN predictions jsonb NOT NULL DEFAULT '{}';
ALTER TABLE ml.drift_reports DROP CONSTRAINT drift_reports_use_case_model_version_window_start_window_en_key;
ALTER TABLE ml.drift_reports ADD UNIQUE (use_case, model_name, model_version, window_start, window_end);
