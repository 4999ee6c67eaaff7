DROP TRIGGER audit_is_not_emptied ON audit_log;
DROP TRIGGER audit_stays ON audit_log;
DROP FUNCTION audit_stays();
DROP FUNCTION only_pseudonyms_differ(text, text);
