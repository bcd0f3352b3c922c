-- What the last windows say together: drift in one is suspected until enough of them have it.
ALTER TABLE ml.drift_reports
    ADD COLUMN standing text NOT NULL DEFAULT 'ok' CHECK (standing IN ('ok', 'suspected', 'confirmed'));
-- Until now the first window that drifted started a retraining.
UPDATE ml.drift_reports SET standing = 'confirmed' WHERE state = 'drift';
