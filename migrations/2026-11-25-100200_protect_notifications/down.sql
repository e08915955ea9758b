DROP TRIGGER recorder_state_no_step_back ON recorder_state;
DROP FUNCTION recorder_state_refuse_step_back();
DROP TRIGGER notifications_no_update ON notifications;
DROP TRIGGER notifications_no_delete ON notifications;
DROP TRIGGER notifications_no_truncate ON notifications;
DROP FUNCTION notifications_refuse_update();
DROP FUNCTION notifications_refuse_delete();
DROP FUNCTION notifications_refuse_truncate();
DROP FUNCTION notifications_is_admin(oid);
