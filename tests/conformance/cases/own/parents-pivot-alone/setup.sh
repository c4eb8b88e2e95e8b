mkdir d; ln -s nowhere l; ln -s nowhere d/l; echo 1 > f; ln -s f ok; ln -s d dl
