-- Who gave a prediction: production; the challenger, to a share of the traffic; or, beside the answer of
-- production and never returned, the challenger as a shadow.
ALTER TABLE ml.inference_logs
    ADD COLUMN role         text NOT NULL DEFAULT 'production' CHECK (role IN ('production', 'challenger', 'shadow')),
    ADD COLUMN shadow_of    uuid,               -- the inference that was answered
    ADD COLUMN milliseconds double precision,   -- to read and predict one input; null for batches
    ADD CONSTRAINT inference_logs_shadow CHECK ((role = 'shadow') = (shadow_of IS NOT NULL));

-- Costs nothing where there is no challenger.
CREATE INDEX inference_logs_challenger ON ml.inference_logs (model_name, model_version, timestamp)
    WHERE role <> 'production';
