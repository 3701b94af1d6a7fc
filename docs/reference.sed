# What a comment labels becomes a paragraph with that title. One line stays one line, so that warnings name the right one.
s#^( *///) (Shapes|Units|Errors|Threads|Source)  +#\1 @label{\2} #
