-- Customer data, encrypted with a key for each order.

CREATE SCHEMA private;

CREATE TABLE private.customer_data (
    account      text NOT NULL,
    order_id     text NOT NULL,
    master_key   text,
    wrapped_key  bytea,
    ciphertext   bytea,
    stored_at    timestamptz,
    erased_at    timestamptz,
    PRIMARY KEY (account, order_id),
    CHECK (num_nulls(master_key, wrapped_key, ciphertext, stored_at) = CASE WHEN erased_at IS NULL THEN 0 ELSE 4 END)
);
COMMENT ON TABLE private.customer_data IS
    'The persons of an order; an erased order keeps a row that says so, and nothing else.';
COMMENT ON COLUMN private.customer_data.master_key IS
    'Id of the key in the settings that wraps the order''s own.';
COMMENT ON COLUMN private.customer_data.wrapped_key IS
    'The order''s own key: nonce, then AES-256-GCM under the master key, bound to account and order id.';
COMMENT ON COLUMN private.customer_data.ciphertext IS
    'Nonce, then AES-256-GCM under the order''s own key, bound to account and order id.';
CREATE INDEX ON private.customer_data (master_key, account, order_id) WHERE master_key IS NOT NULL;
