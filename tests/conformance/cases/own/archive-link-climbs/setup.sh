mkdir up; touch up/x; tar cf t.tar up/x; rm -r up
