"""The branches of `decide`, numbered. The number is in every event and log line, and names a row of the tests."""

from __future__ import annotations

from enum import Enum


class Branch(Enum):
    """One way to decide. They are tried from the lowest number of their part up; the first that applies is taken.

    Some came later: 13 is tried before 9, 75 to 77 before 70, 79 before 71, and 78 before 74.
    """

    # A claim is being created.
    NOT_OURS = 1
    UNREADABLE = 2
    PREDECESSOR_REMAINS = 3
    OWN_SOURCE = 4
    RESTORE_SKIPPED = 5
    TRUTH_UNKNOWN = 6
    RESTORE_UNMEETABLE = 7
    TOO_SMALL = 8
    RESTORE = 9
    FRESH = 10
    # A claim is about to be stored.
    STORED_AS_DECIDED = 11
    STORED_OTHERWISE = 12
    # A claim is being created, once more.
    RESTORE_FROM_STANDBY = 13

    # A claim is stored, or gone: what comes before everything else.
    GONE = 20
    LEAVING = 21
    NAME_TAKEN = 22
    PREDECESSORS_CHILDREN = 23
    PREDECESSORS_MOVER = 24
    MISREAD = 25
    RELEASED = 26
    LOST = 27

    # It is not shown yet that its volume holds what it should.
    ACCEPTED = 30
    UNDECIDED_UNKNOWN = 31
    UNDECIDED_OVER_BACKUPS = 32
    BINDING = 33
    ADOPTED = 34
    FRESH_UNKNOWN = 35
    FRESH_OVER_BACKUPS = 36
    FRESH_SETTLED = 37
    CHOSEN_SETTLED = 38

    # It is to be restored.
    RESTORE_KEYS_RENEWED = 39
    SOURCE_NOT_STORED = 40
    RESTORED = 41
    BOUND_WITHOUT_PROOF = 42
    RESTORE_PLATFORM_MISSING = 43
    DESTINATION_SPOILED = 44
    RESTORED_NOTHING = 45
    IMAGE_VANISHED = 46
    POPULATING = 47
    RESTORE_LOCK_ABANDONED = 48
    RESTORE_LOCK_IN_DOUBT = 49
    RESTORE_RUNNING = 50
    RESTORE_TRUTH_UNKNOWN = 51
    POINT_VANISHED = 52
    RESTORE_CREDENTIALS_MISSING = 53
    START_RESTORE = 54

    # Its volume holds what it should.
    MOVER_LOCKED_OUT = 59
    CLEAR_RESTORE = 60
    PLATFORM_MISSING = 61
    REMOVE_SOURCE = 62
    MAKE_CHILDREN = 63
    HEAL_CHILDREN = 64
    LOCK_ABANDONED = 65
    LOCK_IN_DOUBT = 66
    CREDENTIALS_MISSING = 67
    STORAGE_FAULT = 68
    CHANGE_WAITS = 69
    BACKUP_ON_REQUEST = 70
    TRUTH_NOT_SEEN = 71
    NEVER_BACKED_UP = 72
    OVERDUE = 73
    PROTECTED = 74
    CLEAR_STANDBY = 75
    STANDBY_SPOILED = 76
    MAKE_STANDBY = 77
    POINTS_LOST = 78
    REPOSITORY_REPLACED = 79
