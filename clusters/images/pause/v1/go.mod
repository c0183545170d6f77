module firedrill.invalid/images/pause

go 1.26

tool firedrill.invalid/images/pause
